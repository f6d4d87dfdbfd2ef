import { html } from '../lib/html.js'
import { Note } from './Basics.js'
import { CopyButton } from './CopyButton.js'

/** A webhook's secret, this once, and how a receiver uses it. */
export const SecretNote = ({ secret }) => html`<div class="stack"><${Note} kind="warn" icon="key">It is shown this once. Copy it now, to where the events are received.</>
  <div class="row top wrap-row"><code class="secret grow">${secret}</code><${CopyButton} text=${secret} label="Copy the secret" /></div>
  <p class="small muted">With it the receiver checks that an event comes from here: <code>webhook-signature</code> is <code>v1,</code> and the base64 of HMAC-SHA256 over <code>webhook-id.webhook-timestamp.body</code>, as <a href="https://www.standardwebhooks.com" target="_blank" rel="noopener noreferrer">Standard Webhooks</a> has it.</p></div>`
SecretNote.props = ['secret']
