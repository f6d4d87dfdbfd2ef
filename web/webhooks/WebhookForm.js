import { reactive, shallowRef } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { mine, post, put } from '../lib/api.js'
import { text } from '../lib/forms.js'
import { action } from '../lib/resource.js'
import { ErrorNote } from '../shared/Basics.js'
import { Field } from '../shared/Field.js'
import { Modal } from '../shared/Modal.js'
import { SecretNote } from './WebhookSecret.js'

// The events a webhook may be told of, in words.
export const events = {
  'job.queued': 'A job was queued', 'job.started': 'A job started', 'job.completed': 'A job finished',
  'job.failed': 'A job failed', 'job.stopped': 'A job was stopped',
  'release.created': 'A release was made', 'release.imported': 'A release was imported',
  'release.promoted': 'A release was promoted', 'release.retired': 'A release was replaced',
  'release.rolled_back': 'A rollback restored a release', 'release.rejected': 'A release was rejected',
  'release.canary_started': 'A trial started', 'release.canary_stopped': 'A trial ended',
}

export const states = { pending: ['wait', 'On its way'], delivered: ['ok', 'Delivered'], failed: ['bad', 'Given up'] }

/** Adds a webhook, whose secret is shown once, or changes one. Emits `saved` with the server's webhook, `close`. */
export const WebhookForm = {
  props: { stored: Object },
  emits: ['saved', 'close'],
  setup(props, { emit }) {
    const form = reactive({ url: props.stored?.url ?? '', events: props.stored?.events ?? [] })
    const secret = shallowRef(null)
    const saving = action(async () => {
      const body = { url: form.url.trim(), events: form.events }
      if (props.stored) return emit('saved', await put(mine(`webhooks/${props.stored.id}`), body))
      const { secret: made, ...webhook } = await post(mine('webhooks'), body)
      secret.value = made
      emit('saved', webhook)
    })
    const pick = (name, isIn) => { form.events = isIn ? [...form.events, name] : form.events.filter((one) => one !== name) }
    return () => html`<${Modal} title=${secret.value
        ? 'Its secret'
        : props.stored ? 'Change the webhook' : 'New webhook'}
      isForm=${!secret.value} onClose=${() => emit('close')} onSubmit=${saving.run}>${{
      default: () =>
        secret.value
          ? html`<${SecretNote} secret=${secret.value} />`
          : html`
            <${Field} label="Address" hint="Gets a POST for each event, repeated until it answers with a 2xx status."
              error=${saving.error?.field?.('url')}>${{
              default: (control) => html`<input class="input" type="url" inputmode="url" autofocus maxlength="2000"
                placeholder="https://" ...${control} ...${text(form, 'url')} />`,
            }}</>
            <fieldset class="stack tight">
              <legend class="small strong">Events</legend>
              <p class="tiny muted">Pick none to get all events, those of later versions too.</p>
              <div class="fields">
                ${Object.entries(events).map(([name, words]) => html`<label class="check" key=${name}>
                  <input type="checkbox" checked=${form.events.includes(name)}
                    onChange=${(event) => pick(name, event.target.checked)} />
                  <span>${words}<br /><code class="tiny muted">${name}</code></span>
                </label>`)}
              </div>
            </fieldset>
            <${ErrorNote} error=${saving.error} fields=${['url']} />
          `,
      foot: () =>
        secret.value
          ? html`<button class="button primary" onClick=${() => emit('close')}>I have it</button>`
          : html`
            <button type="button" class="button" onClick=${() => emit('close')}>Cancel</button>
            <button class="button primary" disabled=${saving.isBusy}>
              ${saving.isBusy ? 'Saving …' : props.stored ? 'Save' : 'Add it'}
            </button>
          `,
    }}</>`
  },
}
