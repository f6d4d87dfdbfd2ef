import { html } from '../lib/html.js'
import { checked, choice, number } from '../lib/forms.js'
import { fixed } from '../lib/format.js'
import { orders, stagesOf } from '../lib/orders.js'
import { Field } from '../shared/Field.js'

/** What a question is asked with, in this conversation only. */
export const ChatSettings = ({ settings, title, hasVoice, hasKnowledge }) => html`<fieldset class="card stack">
  <legend class="hidden">${title}</legend>
  <h2 aria-hidden="true">${title}</h2>
  ${settings.order !== undefined && html`<${Field} label="How the answer is made">${{
    default: (control) => html`<select class="select" ...${control} ...${choice(settings, 'order')}>
      ${orders.map(([id, words]) => html`<option value=${id}>${words}</option>`)}
    </select>`,
  }}</>`}
  ${stagesOf(settings.order).draft && html`<label class="check">
    <input ...${checked(settings, 'use_draft')} ...${!hasVoice && { checked: false, disabled: true }} />
    <span>
      Draft in its voice${!hasVoice && html`<br /><span class="tiny muted">This minion has no trained voice yet.</span>`}
    </span>
  </label>`}
  ${stagesOf(settings.order).passages && html`<label class="check">
    <input ...${checked(settings, 'use_passages')} ...${!hasKnowledge && { checked: false, disabled: true }} />
    <span>
      Look up passages
      ${!hasKnowledge && html`<br /><span class="tiny muted">This minion has no documents yet.</span>`}
    </span>
  </label>`}
  ${hasVoice && html`<${Field} label=${`Strength of the voice: ${fixed(settings.adapter_scale, 1)}`}>${{
    default: (control) => html`<input class="range" type="range" min="0" max="2" step="0.1" ...${control}
      value=${settings.adapter_scale} onInput=${(event) => { settings.adapter_scale = Number(event.target.value) }} />`,
  }}</>`}
  ${hasKnowledge && html`<${Field} label="Passages">${{
    default: (control) => html`<input class="input" min="1" max="20" ...${control} ...${number(settings, 'top_k')} />`,
  }}</>`}
  <${Field} label="Temperature">${{
    default: (control) => html`<input class="input" min="0" max="2" step="0.1" placeholder="the minion's" ...${control}
      ...${number(settings, 'temperature')} />`,
  }}</>
  <${Field} label="Longest answer">${{
    default: (control) => html`<input class="input" min="1" placeholder="the minion's" ...${control}
      ...${number(settings, 'max_tokens')} />`,
  }}</>
</fieldset>`
ChatSettings.props = ['settings', 'title', 'hasVoice', 'hasKnowledge']
