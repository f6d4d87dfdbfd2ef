import { html } from '../lib/html.js'
import { dismiss, toasts } from '../lib/toasts.js'
import { Icon } from './Icon.js'

export const Toasts = {
  setup: () =>
    () => html`<div class="toasts" role="status" aria-live="polite">
      ${toasts.map((entry) => html`<div class="toast fade" key=${entry.id}>
        <span class=${entry.kind}><${Icon} name=${entry.kind === 'ok' ? 'check' : 'warn'} /></span>
        <span class="grow">${entry.text}</span>
        ${entry.undo && html`<button class="button tight" onClick=${() => { dismiss(entry.id); entry.undo.act() }}>
          ${entry.undo.label}
        </button>`}
        <button class="button quiet icon-only tight" aria-label="Dismiss" onClick=${() => dismiss(entry.id)}>
          <${Icon} name="close" />
        </button>
      </div>`)}
    </div>`,
}
