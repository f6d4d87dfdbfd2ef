import { html } from '../lib/html.js'
import { asked, settle } from '../lib/confirm.js'
import { Modal } from './Modal.js'

/** Shows what `confirm()` asks. */
export const ConfirmDialog = {
  setup: () => () => {
    const question = asked.question
    return question && html`<${Modal} title=${question.title} onClose=${() => settle(false)}>${{
      default: () => html`<p>${question.text}</p>`,
      foot: () => html`<button class="button" autofocus onClick=${() => settle(false)}>Keep</button>
        <button class="button danger primary" onClick=${() => settle(true)}>${question.verb}</button>`,
    }}</>`
  },
}
