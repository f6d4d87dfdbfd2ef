import { ref } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { copy } from '../lib/clipboard.js'
import { Icon } from './Icon.js'

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
