import { html } from '../lib/html.js'
import { ShownOnce } from '../shared/ShownOnce.js'

/** A webhook's secret, this once, and how a receiver uses it. */
export const SecretNote = ({ secret }) => html`<div class="stack"><${ShownOnce} secret=${secret} what="secret">Copy it now, to where the events are received.</>
  <p class="small muted">With it the receiver checks that an event comes from here: <code>webhook-signature</code> is <code>v1,</code> and the base64 of HMAC-SHA256 over <code>webhook-id.webhook-timestamp.body</code>, as <a href="https://www.standardwebhooks.com" target="_blank" rel="noopener noreferrer">Standard Webhooks</a> has it.</p></div>`
SecretNote.props = ['secret']
