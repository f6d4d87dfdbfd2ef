import { reactive } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { put } from '../lib/api.js'
import { choice, given, number } from '../lib/forms.js'
import { limitNames } from '../lib/limits.js'
import { action } from '../lib/resource.js'
import { ErrorNote } from './Basics.js'
import { Field } from './Field.js'

/** Limits of a user, a minion or everybody; an empty field sets none. Emits `saved` with the server's reply. */
export const LimitsForm = {
  props: { path: String, settings: Object, without: { type: Array, default: () => [] } },
  emits: ['saved'],
  setup(props, { emit }) {
    const { in_force: inForce, ...settings } = props.settings
    const form = reactive(settings)
    const saving = action(async () => {
      // Read from where they were shown: limits a newer server may have stay as they are.
      emit('saved', await put(props.path, Object.fromEntries(Object.entries(given(form)).filter(([, value]) => value !== ''))))
    })
    return () => html`<form class="stack" novalidate onSubmit=${(event) => { event.preventDefault(); saving.run() }}>
      <div class="fields">
        ${Object
          .entries(limitNames)
          .filter(([name]) => !props.without.includes(name))
          .map(([name, label]) => html`<${Field} key=${name} label=${label} error=${saving.error?.field?.(name)}
          hint=${name.startsWith('cost') ? 'US dollars' : name === 'storage_bytes' ? 'Bytes' : undefined}>${{
          default: (control) => html`<input class="input" min="0" step="any"
            placeholder=${inForce?.[name] ?? 'no limit'} ...${control} ...${number(form, name)} />`,
        }}</>`)}
        <${Field} label="Models of unknown price" hint="No budget can count them.">${{
          default: (control) => html`<select class="select" ...${control} ...${choice(form, 'unpriced')}>
            <option value="">Allow (default)</option>
            <option value="allow">Allow</option>
            <option value="refuse">Refuse</option>
          </select>`,
        }}</>
      </div>
      <${ErrorNote} error=${saving.error} fields=${Object.keys(limitNames)} />
      <div><button class="button primary" disabled=${saving.isBusy}>Save the limits</button></div>
    </form>`
  },
}
