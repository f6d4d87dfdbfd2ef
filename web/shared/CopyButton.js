import { ref } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { Note } from './Basics.js'
import { Icon } from './Icon.js'

/** Copies text; the older way where the page is not served over https or from this machine. */
async function copy(text) {
  if (navigator.clipboard) {
    try { await navigator.clipboard.writeText(text); return true } catch { /* not allowed: try the older way */ }
  }
  const area = document.createElement('textarea')
  area.value = text
  // Inside an open dialog everything outside is inert.
  const host = document.querySelector('dialog[open]') ?? document.body
  host.append(area)
  area.select()
  const done = document.execCommand('copy')
  area.remove()
  return done
}

export const CopyButton = {
  props: { text: String, label: { type: String, default: 'Copy' } },
  setup(props) {
    const state = ref('idle')
    async function act() {
      state.value = (await copy(props.text)) ? 'done' : 'failed'
      setTimeout(() => { state.value = 'idle' }, 2000)
    }
    const words = { done: 'Copied', failed: 'Select and copy it' }
    return () => html`<button type="button" class="button tight" onClick=${act} aria-live="polite">
      <${Icon} name=${state.value === 'done' ? 'check' : 'copy'} /> ${words[state.value] ?? props.label}</button>`
  },
}

/** A secret that the server shows this one time; the slot says why it must be copied now. */
export const ShownOnce = ({ secret, what }, { slots }) => html`
  <${Note} kind="warn" icon="key">It is shown this once. ${slots.default()}</>
  <div class="row top wrap-row">
    <code class="secret grow">${secret}</code>
    <${CopyButton} text=${secret} label=${`Copy the ${what}`} />
  </div>
`
ShownOnce.props = ['secret', 'what']
