import { reactive } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { create, mine, newKey, put } from '../lib/api.js'
import { checked, choice, given, number, text } from '../lib/forms.js'
import { orders } from '../lib/orders.js'
import { LOCAL, LOCAL_MODEL } from '../lib/providers.js'
import { action } from '../lib/resource.js'
import { ErrorNote } from '../shared/Basics.js'
import { Field } from '../shared/Field.js'
import { Icon } from '../shared/Icon.js'
import { ProviderSelector } from '../shared/ProviderSelector.js'

const SHOWN = [
  'name',
  'display_name',
  'provider',
  'model_id',
  'base_url',
  'system_prompt',
  'sampling.temperature',
  'sampling.top_p',
  'sampling.max_tokens',
  'sampling.seed',
  'pipeline.top_k',
  'pipeline.adapter_scale',
]

/** Create or edit a minion, in one place. Emits `saved` with the server's minion. */
export const MinionForm = {
  props: { minion: Object },
  emits: ['saved'],
  setup(props, { emit, expose, slots }) {
    const { minion } = props
    const form = reactive({ name: minion?.name ?? '', base_url: minion?.base_url ?? '', system_prompt: minion?.system_prompt ?? '' })
    const model = reactive({ value: { provider: minion?.provider ?? LOCAL, model_id: minion?.model_id ?? LOCAL_MODEL } })
    const sampling = reactive({ ...minion?.sampling })
    const pipeline = reactive({ use_draft: true, use_passages: true, mode: 'full', cache: 'off', ...minion?.pipeline })
    const fallbacks = reactive((minion?.fallbacks ?? []).map((one) => ({ ...one })))
    const key = newKey()
    const saving = action(async () => {
      const body = {
        ...form, ...model.value, display_name: minion && form.name === minion.name ? minion.display_name : form.name,
        sampling: given(sampling), pipeline: given(pipeline),
        fallbacks: fallbacks.map(({ provider, model: name }) => ({ provider, model: name })),
      }
      if (!minion && !body.base_url) delete body.base_url
      emit('saved', minion ? await put(mine(`minions/${minion.id}`), body) : await create(mine('minions'), body, key))
    })
    expose({ saving })
    const error = (name) => saving.error?.field?.(name)
    const amount = (object, name, path, label, hint, attributes) => html`<${Field} label=${label} hint=${hint}
      error=${error(path)}>${{
      default: (control) => html`<input class="input" ...${control} ...${attributes} ...${number(object, name)}
        placeholder="default" />`,
    }}</>`
    const submit = (event) => { event.preventDefault(); saving.run() }

    const fallback = (one, index) => html`<div class="row" key=${index}>
      <input class="input" aria-label=${`Fallback ${index + 1}: provider`} placeholder="provider"
        ...${text(one, 'provider')} />
      <input class="input" aria-label=${`Fallback ${index + 1}: model`} placeholder="model" ...${text(one, 'model')} />
      <button type="button" class="button quiet icon-only" aria-label=${`Remove fallback ${index + 1}`}
        onClick=${() => fallbacks.splice(index, 1)}>
        <${Icon} name="close" />
      </button>
    </div>`

    return () => html`<form class="stack loose" novalidate onSubmit=${submit}>
      <${Field} label="Name" error=${error('name') ?? error('display_name')}
        hint="Also the model's name for OpenAI clients.">${{
        default: (control) => html`<input class="input" required maxlength="100" autofocus=${!minion} ...${control}
          ...${text(form, 'name')} />`,
      }}</>
      <${ProviderSelector} modelValue=${model.value} error=${saving.error}
        ...${{ 'onUpdate:modelValue': (value) => { model.value = value } }} />
      <${Field} label="System prompt" optional error=${error('system_prompt')} hint="Goes before every question.">${{
        default: (control) => html`<textarea class="textarea" rows="3" ...${control} ...${text(form, 'system_prompt')}></textarea>`,
      }}</>
      <details class="fold">
        <summary><${Icon} name="right" /> Advanced</summary>
        <div class="stack loose">
          <div class="fields">
            ${amount(sampling, 'temperature', 'sampling.temperature', 'Temperature', '0 repeats itself, 1 varies.', {
              min: 0,
              max: 2,
              step: 0.1,
            })}
            ${amount(sampling, 'top_p', 'sampling.top_p', 'Top p', 'Share of likely words it chooses from.', {
              min: 0,
              max: 1,
              step: 0.05,
            })}
            ${amount(sampling, 'max_tokens', 'sampling.max_tokens', 'Longest answer', 'In tokens; 512 by default.', {
              min: 1,
              max: 200000,
            })}
            ${amount(sampling, 'seed', 'sampling.seed', 'Seed', 'The same seed repeats an answer.', { min: 0 })}
            ${amount(pipeline, 'top_k', 'pipeline.top_k', 'Passages', 'How many go into the prompt; 5 by default.', { min: 1, max: 20 })}
            ${amount(pipeline, 'adapter_scale', 'pipeline.adapter_scale', 'Strength of the voice', '0 is none, 1 as trained.', {
              min: 0,
              max: 2,
              step: 0.1,
            })}
          </div>
          <div class="fields">
            <label class="check">
              <input ...${checked(pipeline, 'use_draft')} />
              <span>
                Draft in the trained voice<br />
                <span class="tiny muted">The adapter answers first, for its voice.</span>
              </span>
            </label>
            <label class="check">
              <input ...${checked(pipeline, 'use_passages')} />
              <span>Look up passages<br /><span class="tiny muted">From the minion's collection.</span></span>
            </label>
          </div>
          <div class="fields">
            ${pipeline.order !== undefined && html`<${Field} label="How an answer is made"
              error=${error('pipeline.order')}>${{
              default: (control) => html`<select class="select" ...${control} ...${choice(pipeline, 'order')}>
                ${orders.map(([id, words]) => html`<option value=${id}>${words}</option>`)}
              </select>`,
            }}</>`}
            <${Field} label="Mode" hint="Direct skips draft, passages and traces.">${{
              default: (control) => html`<select class="select" ...${control} ...${choice(pipeline, 'mode')}>
                <option value="full">Full</option>
                <option value="direct">Direct</option>
              </select>`,
            }}</>
            <${Field} label="Repeated questions" hint="Answered from the cache at no cost.">${{
              default: (control) => html`<select class="select" ...${control} ...${choice(pipeline, 'cache')}>
                <option value="off">Ask again</option>
                <option value="deterministic">Cache at temperature 0</option>
                <option value="always">Always cache</option>
              </select>`,
            }}</>
            <${Field} label="Base URL" optional error=${error('base_url')} hint="In place of the provider's.">${{
              default: (control) => html`<input class="input" type="url" ...${control} ...${text(form, 'base_url')} />`,
            }}</>
          </div>
          <div class="stack tight">
            <span class="small strong">Fallbacks</span>
            <p class="tiny muted">Asked in this order when the provider fails before the first word.</p>
            ${fallbacks.map(fallback)}
            <div>
              <button type="button" class="button tight" disabled=${fallbacks.length >= 8}
                onClick=${() => fallbacks.push({ provider: '', model: '' })}>
                <${Icon} name="plus" /> Add a fallback
              </button>
            </div>
          </div>
        </div>
      </details>
      <${ErrorNote} error=${saving.error} fields=${SHOWN} />
      <div class="row">
        ${slots.foot?.()}
        <button class="button primary" disabled=${saving.isBusy}>
          ${saving.isBusy ? 'Saving …' : minion ? 'Save' : 'Make the minion'}
        </button>
      </div>
    </form>`
  },
}
