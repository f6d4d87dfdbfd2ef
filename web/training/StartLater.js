import { reactive } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { mine, post } from '../lib/api.js'
import { text } from '../lib/forms.js'
import { instant } from '../lib/plan.js'
import { action } from '../lib/resource.js'
import { ErrorNote } from '../shared/Basics.js'
import { Field } from '../shared/Field.js'
import { Modal } from '../shared/Modal.js'

/** Queues a job for a time. Emits `started` with the server's job, `close`. */
export const StartLater = {
  props: { job: Object },
  emits: ['started', 'close'],
  setup(props, { emit }) {
    const form = reactive({ run_at: '' })
    const starting = action(async () => {
      if (form.run_at) emit('started', await post(mine(`external-training/jobs/${props.job.id}/start`), { run_at: instant(form.run_at) }))
    })
    return () => html`<${Modal} title="Start it at a time" isForm onClose=${() => emit('close')}
      onSubmit=${starting.run}>${{
      default: () => html`
        <${Field} label="Not before" hint="In your own time zone. Until then it can be stopped."
          error=${starting.error?.field?.('run_at')}>${{
          default: (control) => html`<input class="input" type="datetime-local" autofocus ...${control} ...${text(form, 'run_at')} />`,
        }}</>
        <${ErrorNote} error=${starting.error} fields=${['run_at']} />
      `,
      foot: () => html`<button type="button" class="button" onClick=${() => emit('close')}>Cancel</button>
        <button class="button primary" disabled=${starting.isBusy || !form.run_at}>Start it then</button>`,
    }}</>`
  },
}
