import { reactive } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { mine, post, put } from '../lib/api.js'
import { checked, given, number, text } from '../lib/forms.js'
import { action } from '../lib/resource.js'
import { ErrorNote } from '../shared/Basics.js'
import { Field } from '../shared/Field.js'
import { Icon } from '../shared/Icon.js'
import { Modal } from '../shared/Modal.js'

const SHOWN = ['api_key', 'base_url', 'label', 'weight', 'max_concurrent', 'test_model']

/** Add a key for a provider, or replace what is stored. The key leaves the form once it is sent. Emits `saved`, `close`. */
export const ProviderKeyForm = {
  props: { entry: Object, stored: Object },
  emits: ['saved', 'close'],
  setup(props, { emit }) {
    const { entry, stored } = props
    const form = reactive({
      api_key: '', base_url: stored?.base_url ?? '', label: stored?.label ?? '', weight: stored?.weight ?? null,
      max_concurrent: stored?.max_concurrent ?? null,
      is_active: stored?.is_active ?? true, test_model: '', save_anyway: false,
      input: stored?.prices?.find((one) => !one.model)?.input ?? null,
      output: stored?.prices?.find((one) => !one.model)?.output ?? null,
    })
    const saving = action(async () => {
      const { input, output, ...fields } = form
      const body = given({
        ...fields,
        api_key: fields.api_key.trim() || null,
        label: fields.label || null,
        test_model: fields.test_model || null,
        base_url: fields.base_url || (stored?.base_url ? '' : null),
      })
      if (stored && fields.max_concurrent === null) body.max_concurrent = null
      const others = stored?.prices?.filter((one) => one.model) ?? []
      if (input !== null && output !== null) body.prices = [...others, { input, output }]
      else if (stored?.prices?.length) body.prices = others
      const reply = stored
        ? await put(mine(`providers/${stored.id}`), body)
        : await post(mine('providers'), { provider: entry.provider, ...body })
      form.api_key = ''
      emit('saved', reply)
    })
    const error = (name) => saving.error?.field?.(name)
    const input = (name, label, hint, attributes = {}) => html`<${Field} label=${label} hint=${hint}
      optional=${attributes.optional} error=${error(name)}>${{
      default: (control) => html`<input class="input" ...${control} ...${attributes.control}
        ...${attributes.isNumber ? number(form, name) : text(form, name)} />`,
    }}</>`
    return () => html`<${Modal} title=${stored ? `${entry.name}: ${stored.label}` : `Add ${entry.name}`} isForm
      onClose=${() => emit('close')} onSubmit=${saving.run}>${{
      default: () => html`<div class="stack loose">
        ${input('api_key', stored ? 'New key' : 'API key', stored
          ? `Leave it empty to keep the one that ends in ${stored.key_hint}.`
          : entry.needs_key
            ? 'Stored encrypted, never shown again, and tried before it is saved.'
            : 'Only where the server asks for one.', {
          optional: Boolean(stored) || !entry.needs_key,
          control: { type: 'password', autocomplete: 'off', autofocus: true, spellcheck: 'false' },
        })}
        ${input('base_url', 'Address', entry.default_base_url
          ? `In place of ${entry.default_base_url}`
          : 'Where its API is, such as http://localhost:1234/v1', {
          optional: Boolean(entry.default_base_url),
          control: { type: 'url', inputmode: 'url' },
        })}
        ${input('test_model', 'A model to try', 'Asked for one token if the list of models does not prove the key.', {
          optional: true,
        })}
        <details class="fold">
          <summary><${Icon} name="right" /> More</summary>
          <div class="stack">
            <div class="fields">
              ${input('label', 'Label', 'Tells several keys of a provider apart.', { optional: true })}
              ${input('weight', 'Weight', 'Its share of the requests; 1 by default.', {
                optional: true,
                isNumber: true,
                control: { min: 0.001, step: 'any' },
              })}
              ${input('max_concurrent', 'Most at a time', 'Requests at the same time with this key.', {
                optional: true,
                isNumber: true,
                control: { min: 1 },
              })}
            </div>
            <div class="fields">
              ${input('input', 'Price in', 'US dollars per million tokens, for every model.', {
                optional: true,
                isNumber: true,
                control: { min: 0, step: 'any' },
              })}
              ${input('output', 'Price out', 'What your account pays, in place of the price table.', {
                optional: true,
                isNumber: true,
                control: { min: 0, step: 'any' },
              })}
            </div>
            <label class="check"><input ...${checked(form, 'is_active')} /><span>In use</span></label>
          </div>
        </details>
        <${ErrorNote} error=${saving.error} fields=${saving.error?.code === 'key_refused' ? [] : SHOWN} />
        ${saving.error?.code === 'key_refused' && html`<label class="check">
          <input ...${checked(form, 'save_anyway')} />
          <span>Save it anyway</span>
        </label>`}
      </div>`,
      foot: () => html`<button type="button" class="button" onClick=${() => emit('close')}>Cancel</button>
        <button class="button primary" disabled=${saving.isBusy}>${saving.isBusy ? 'Trying it …' : 'Save'}</button>`,
    }}</>`
  },
}
