import { html } from '../lib/html.js'
import { newId } from '../lib/forms.js'

/**
 * A labelled control with its hint and its error:
 * html`<${Field} label="Name" error=${e}>${{ default: (control) => html`<input class="input" ...${control} />` }}</>`
 * `control` carries the id and the names of hint and error.
 */
export const Field = {
  props: ['label', 'hint', 'error', 'optional'],
  setup(props, { slots }) {
    const id = newId()
    return () => {
      const described = [props.hint && `${id}-hint`, props.error && `${id}-error`].filter(Boolean).join(' ') || undefined
      const control = { id, 'aria-describedby': described, 'aria-invalid': props.error ? 'true' : undefined }
      return html`<div class="field">
        <label for=${id}>${props.label}${props.optional && html`<span class="muted"> (optional)</span>`}</label>
        ${slots.default(control)}
        ${props.error && html`<p class="error" id=${`${id}-error`} role="alert">${props.error}</p>`}
        ${props.hint && html`<p class="hint" id=${`${id}-hint`}>${props.hint}</p>`}
      </div>`
    }
  },
}
