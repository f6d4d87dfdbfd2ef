import { reactive, ref } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { mine, put } from '../lib/api.js'
import { gateMetrics, words, arms, armName } from '../lib/evaluation.js'
import { choice, given, newId, number } from '../lib/forms.js'
import { action } from '../lib/resource.js'
import { ErrorNote } from '../shared/Basics.js'
import { Field } from '../shared/Field.js'
import { Modal } from '../shared/Modal.js'

const modes = {
  always: ['Answers at once', 'Every new release is promoted as it is made.'],
  automatic: [
    'Answers if it is better',
    'Promoted if one figure is surely better than the active release’s; otherwise it waits, with the reason.',
  ],
  manual: ['Waits for you', 'Every new release is a candidate until you promote it.'],
}
const directions = { '': 'As usual for the figure (default)', higher: 'More', lower: 'Less' }

const ReleasePolicyForm = {
  props: { minion: Object, policy: Object },
  emits: ['saved', 'close'],
  setup(props, { emit }) {
    const form = reactive({ metric: 'voice.style_score', arm: '', better: '', margin: null, ...given(props.policy) })
    const name = newId('mode')
    const saving = action(async () => {
      // Half a policy would mean what nobody wrote: figures go with `automatic` alone.
      const { mode, metric, arm, better, margin } = form
      const policy = mode === 'automatic' ? { mode, metric, margin: margin ?? 0, ...(arm && { arm }), ...(better && { better }) } : { mode }
      emit('saved', await put(mine(`minions/${props.minion.id}`), { release_policy: policy }))
    })
    const error = (field) => saving.error?.field?.(`release_policy.${field}`)
    const select = (field, label, hint, options) => html`<${Field} label=${label} hint=${hint} error=${error(field)}>${{
      default: (control) => html`<select class="select" ...${control} ...${choice(form, field)}>
        ${options.map(([value, text]) => html`<option key=${value} value=${value}>${text}</option>`)}
      </select>`,
    }}</>`
    const metrics = () => [...new Set([...gateMetrics, form.metric])].map((one) => [one, words(one)])
    return () => html`<${Modal} title="What becomes of a new release" kind="large" isForm onClose=${() => emit('close')}
      onSubmit=${saving.run}>${{
      default: () => html`
        <fieldset class="choice-cards">
          <legend class="hidden">New releases</legend>
          ${Object.entries(modes).map(([mode, [title, text]]) => html`<label class="choice-card" key=${mode}>
            <input type="radio" name=${name} value=${mode} checked=${form.mode === mode}
              onChange=${() => { form.mode = mode }} />
            <span class="strong">${title}</span>
            <span class="small muted">${text}</span>
          </label>`)}
        </fieldset>
        ${form.mode === 'automatic' && html`<div class="fields">
          ${select('metric', 'Figure that decides', 'One of the evaluation.', metrics())}
          ${select('arm', 'Measured with', 'Needed where several set-ups have the figure.', [
            ['', 'The only one that has it'],
            ...Object.keys(arms).map((arm) => [arm, armName(arm)]),
          ])}
          <${Field} label="Margin" hint="How much better it surely has to be, in the figure's unit."
            error=${error('margin')}>${{
            default: (control) => html`<input class="input" step="any" placeholder="default 0" ...${control}
              ...${number(form, 'margin')} />`,
          }}</>
          ${select('better', 'Better is', 'Losses, perplexities, times and costs: less.', Object.entries(directions))}
        </div>`}
        <${ErrorNote} error=${saving.error}
          fields=${['metric', 'arm', 'margin', 'better'].map((field) => `release_policy.${field}`)} />
      `,
      foot: () => html`<button type="button" class="button" onClick=${() => emit('close')}>Cancel</button>
        <button class="button primary" disabled=${saving.isBusy}>${saving.isBusy ? 'Saving …' : 'Save'}</button>`,
    }}</>`
  },
}

/** What becomes of a minion's new releases, and the form to change it. Emits `saved` with the server's minion. */
export const ReleasePolicy = {
  props: { minion: Object },
  emits: ['saved'],
  setup(props, { emit }) {
    const isOpen = ref(false)
    const close = () => { isOpen.value = false }
    const figure = ({ metric, arm, margin, better }) => {
      const direction = better ? `, where ${directions[better].toLowerCase()} is better` : ''
      return `${words(metric)}${arm ? `, ${armName(arm)}` : ''}: surely better by ${margin ?? 0}${direction}.`
    }
    return () => {
      const policy = props.minion.release_policy ?? { mode: 'always' }
      return html`<section class="card stack" aria-label="New releases">
        <div class="row between wrap-row top">
          <div class="grow">
            <h2>New releases</h2>
            <p class="small">
              <span class="strong">${modes[policy.mode][0]}.</span> <span class="muted">
                ${policy.mode === 'automatic' ? figure(policy) : modes[policy.mode][1]}
              </span>
            </p>
          </div>
          <button class="button" onClick=${() => { isOpen.value = true }}>Change</button>
        </div>
        ${isOpen.value && html`<${ReleasePolicyForm} minion=${props.minion} policy=${policy} onClose=${close}
          onSaved=${(minion) => { close(); emit('saved', minion) }} />`}
      </section>`
    }
  },
}
