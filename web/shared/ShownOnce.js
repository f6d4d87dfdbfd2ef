import { html } from '../lib/html.js'
import { Note } from './Basics.js'
import { CopyButton } from './CopyButton.js'

/** A secret that the server shows this one time; the slot says why it must be copied now. */
export const ShownOnce = ({ secret, what }, { slots }) => html`<${Note} kind="warn" icon="key">It is shown this once. ${slots.default()}</>
  <div class="row top wrap-row"><code class="secret grow">${secret}</code><${CopyButton} text=${secret} label=${`Copy the ${what}`} /></div>`
ShownOnce.props = ['secret', 'what']
