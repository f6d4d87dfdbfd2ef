import { reactive } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { mine, post, put } from '../lib/api.js'
import { checked, choice, text } from '../lib/forms.js'
import { action } from '../lib/resource.js'
import { ErrorNote } from '../shared/Basics.js'
import { Field } from '../shared/Field.js'
import { Modal } from '../shared/Modal.js'

/** A provider of the user's own, defined without code. Emits `saved`, `close`. */
export const EndpointForm = {
  props: { stored: Object },
  emits: ['saved', 'close'],
  setup(props, { emit }) {
    const { stored } = props
    const before = stored?.definition
    const form = reactive({
      name: before?.name ?? '',
      id: before?.id ?? '',
      base_url: before?.base_url ?? '',
      dialect: before?.dialect ?? 'openai',
      needs_key: before?.needs_key ?? true,
    })
    const saving = action(async () => {
      const id = form.id || form.name.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '')
      const body = { ...before, ...form, id }
      emit('saved', stored ? await put(mine(`provider-definitions/${stored.id}`), body) : await post(mine('provider-definitions'), body))
    })
    const input = (name, label, hint, attributes) => html`<${Field} label=${label} hint=${hint} error=${saving.error?.field?.(name)}>${{
      default: (control) => html`<input class="input" ...${control} ...${attributes} ...${text(form, name)} />` }}</>`
    return () => html`<${Modal} title=${stored ? form.name : 'Your own provider'} isForm onClose=${() => emit('close')}
      onSubmit=${saving.run}>${{
      default: () => html`<div class="stack loose">
        ${input('name', 'Name', undefined, { autofocus: true, required: true })}
        ${!stored && input('id', 'Id', 'How minions name it; made from the name if empty.')}
        ${input('base_url', 'Address', 'Such as https://models.example.org/v1. It is resolved and checked, now and at every request.', {
          type: 'url',
          required: true,
        })}
        <${Field} label="Speaks as" error=${saving.error?.field?.('dialect')}>${{
          default: (control) => html`<select class="select" ...${control} ...${choice(form, 'dialect')}>
            <option value="openai">OpenAI</option>
            <option value="anthropic">Anthropic</option>
            <option value="ollama">Ollama</option>
          </select>`,
        }}</>
        <label class="check"><input ...${checked(form, 'needs_key')} /><span>Needs a key</span></label>
        <${ErrorNote} error=${saving.error} fields=${['name', 'id', 'base_url', 'dialect']} />
      </div>`,
      foot: () => html`
        <button type="button" class="button" onClick=${() => emit('close')}>Cancel</button>
        <button class="button primary" disabled=${saving.isBusy}>Save</button>
      `,
    }}</>`
  },
}
