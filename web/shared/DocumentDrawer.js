import { nextTick, watch } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { get, mine } from '../lib/api.js'
import { plural } from '../lib/format.js'
import { resource } from '../lib/resource.js'
import { ErrorNote, Loading } from './Basics.js'
import { Modal } from './Modal.js'

/** A document of a collection, opened at a passage. Offsets are UTF-8 bytes. */
export const DocumentDrawer = {
  props: { collectionId: String, version: Number, passage: Object },
  emits: ['close'],
  setup(props, { emit }) {
    const document_ = resource(() => get(mine(`collections/${props.collectionId}/document`), {
      name: props.passage.document,
      version: props.version,
    }))
    watch(() => document_.data, async () => {
      await nextTick()
      document.getElementById('place')?.scrollIntoView({ block: 'center' })
    })
    function pieces(text) {
      const bytes = new TextEncoder().encode(text)
      const part = (from, to) => new TextDecoder().decode(bytes.subarray(from, to))
      const { start_byte: start, end_byte: end } = props.passage
      if (start === undefined) return [text]
      return [part(0, start), html`<mark id="place">${part(start, end)}</mark>`, part(end)]
    }
    return () => html`<${Modal} title=${props.passage.title || props.passage.document} kind="drawer"
      onClose=${() => emit('close')}>
      <p class="small muted wrap">
        ${props.passage.document}
        ${document_.data ? `, ${plural(document_.data.chunks, 'chunk')}` : ''}
      </p>
      ${document_.data
        ? html`<div class="document">${pieces(document_.data.text)}</div>`
        : document_.error
          ? [html`<${ErrorNote} error=${document_.error} />`, html`<p class="passage-text">${props.passage.text}</p>`]
          : html`<${Loading} what="Opening the document" />`}
    </>`
  },
}
