import { reactive } from '../../lib/vue.js'
import { html } from '../../lib/html.js'
import { mine, post } from '../../lib/api.js'
import { given, number } from '../../lib/forms.js'
import { action } from '../../lib/resource.js'
import { ErrorNote } from '../Basics.js'
import { Field } from '../Field.js'
import { Modal } from '../Modal.js'

// Name, words, what it means, what an empty field is, and the API's bounds.
const fields = [
  [
    'percent',
    'Share of the requests',
    'Of a hundred requests, how many it answers.',
    'required',
    { min: 0.01, max: 99.99, step: 'any', autofocus: true },
  ],
  ['min_requests', 'Judged from', 'Requests of each release before they are compared.', 'default 50', { min: 1 }],
  [
    'max_error_increase',
    'More failures allowed',
    '0.05: five more of a hundred requests. What is surely more ends the trial.',
    'default 0.05',
    { min: 0, max: 1, step: 'any' },
  ],
  [
    'max_latency_ratio',
    'Slower allowed',
    '1.5: half as long again. What is surely slower ends the trial.',
    'default 1.5',
    { min: 1, step: 'any' },
  ],
  ['promote_after', 'Promoted after', 'Good requests; empty: it waits for you.', 'never', { min: 1 }],
]

/** Puts a release on trial: it answers a share of the requests, and what ends that. Emits `started`, `close`. */
export const CanaryForm = {
  props: { release: Object },
  emits: ['started', 'close'],
  setup(props, { emit }) {
    const form = reactive({ percent: 10 })
    const starting = action(async () => {
      emit('started', await post(mine(`minions/${props.release.minion_id}/releases/${props.release.id}/canary`), given(form)))
    })
    return () => html`<${Modal} title=${`Try release ${props.release.number}`} isForm onClose=${() => emit('close')}
      onSubmit=${starting.run}>${{
      default: () => html`
        <p class="muted small">
          It answers a share of the requests beside the one that is active. After each of them both are compared.
        </p>
        <div class="fields">
          ${fields.map(([name, label, hint, empty, bounds]) => html`<${Field} key=${name} label=${label} hint=${hint}
            error=${starting.error?.field?.(name)}>${{
            default: (control) => html`<input class="input" ...${control} ...${bounds} ...${number(form, name)}
              placeholder=${empty} />`,
          }}</>`)}
        </div>
        <${ErrorNote} error=${starting.error} fields=${fields.map(([name]) => name)} />
      `,
      foot: () => html`<button type="button" class="button" onClick=${() => emit('close')}>Cancel</button>
        <button class="button primary" disabled=${starting.isBusy}>${starting.isBusy ? 'Starting …' : 'Start the trial'}</button>`,
    }}</>`
  },
}
