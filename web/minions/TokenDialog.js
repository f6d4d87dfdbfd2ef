import { shallowRef } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { mine, post } from '../lib/api.js'
import { action } from '../lib/resource.js'
import { ErrorNote } from '../shared/Basics.js'
import { ShownOnce } from '../shared/CopyButton.js'
import { Modal } from '../shared/Modal.js'
import { Snippets } from './Snippets.js'

/** Makes a token and shows it once; when the dialog closes it is nowhere in the page any more. */
export const TokenDialog = {
  props: { minion: Object },
  emits: ['close'],
  setup(props, { emit }) {
    const token = shallowRef(null)
    const making = action(async () => { token.value = (await post(mine(`minions/${props.minion.id}/token`))).token })
    return () => html`<${Modal} title=${token.value ? 'The new token' : 'Make a new token?'} kind="large" onClose=${() => emit('close')}>${{
      default: () => token.value
        ? html`<${ShownOnce} secret=${token.value} what="token">Copy it now: the server keeps only a hash.</>
          <${Snippets} minion=${props.minion} token=${token.value} />`
        : html`<p>${props.minion.token_hint
            ? `The token that ends in ${props.minion.token_hint} stops working at once; programs that use it need the new one.`
            : `With it a program may ask ${props.minion.display_name}, and nothing else.`}</p><${ErrorNote} error=${making.error} />`,
      foot: () => token.value
        ? html`<button class="button primary" onClick=${() => emit('close')}>I have it</button>`
        : html`<button class="button" onClick=${() => emit('close')}>Cancel</button>
          <button class="button primary" autofocus disabled=${making.isBusy} onClick=${making.run}>Make the token</button>`,
    }}</>`
  },
}
