import { html } from '../lib/html.js'

/** An answer whose [n] are buttons that lead to the passage. Emits `cite` with the citation. */
export const AnswerText = ({ text, citations = [], isOpen }, { emit }) => {
  const pieces = text.split(/(\[\d+\])/).map((piece) => {
    const citation = /^\[\d+\]$/.test(piece) && citations.find((one) => one.number === Number(piece.slice(1, -1)))
    return citation ? html`<button type="button" class="cite" title=${`${citation.title || citation.document}${citation.by === 'overlap' ? ' (marked by the server)' : ''}`} aria-label=${`Source ${citation.number}: ${citation.title || citation.document}`} onClick=${() => emit('cite', citation)}>${citation.number}</button>` : piece
  })
  return html`<div class=${['answer', isOpen && 'caret']}>${pieces}</div>`
}
AnswerText.props = ['text', 'citations', 'isOpen']
AnswerText.emits = ['cite']
