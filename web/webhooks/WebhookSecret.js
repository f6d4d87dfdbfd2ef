import { shallowRef } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { mine, post } from '../lib/api.js'
import { action } from '../lib/resource.js'
import { ErrorNote } from '../shared/Basics.js'
import { ShownOnce } from '../shared/CopyButton.js'
import { Modal } from '../shared/Modal.js'

/** A webhook's secret, this once, and how a receiver uses it. */
export const SecretNote = ({ secret }) => html`<div class="stack">
  <${ShownOnce} secret=${secret} what="secret">Copy it now to the program that receives the events.</>
  <p class="small muted">
    With it the receiver checks that an event comes from here: <code>webhook-signature</code> is <code>v1,</code> and
    the base64 of HMAC-SHA256 over <code>webhook-id.webhook-timestamp.body</code>,
    as <a href="https://www.standardwebhooks.com" target="_blank" rel="noopener noreferrer">Standard Webhooks</a> has
    it.
  </p>
</div>`
SecretNote.props = ['secret']

/** Makes a webhook's new secret, asked once, and shows it once. Emits `close`. */
export const WebhookSecret = {
  props: { webhook: Object },
  emits: ['close'],
  setup(props, { emit }) {
    const secret = shallowRef(null)
    const making = action(async () => { secret.value = (await post(mine(`webhooks/${props.webhook.id}/secret`))).secret })
    return () => html`<${Modal} title=${secret.value ? 'The new secret' : 'Make a new secret?'}
      onClose=${() => emit('close')}>${{
      default: () =>
        secret.value
          ? html`<${SecretNote} secret=${secret.value} />`
          : html`
            <p>The old secret stops working at once. A receiver that checks signatures needs the new one.</p>
            <${ErrorNote} error=${making.error} />
          `,
      foot: () => secret.value ? html`<button class="button primary" onClick=${() => emit('close')}>I have it</button>`
        : html`<button class="button" autofocus onClick=${() => emit('close')}>Keep</button>
          <button class="button danger primary" disabled=${making.isBusy} onClick=${making.run}>Make a new one</button>`,
    }}</>`
  },
}
