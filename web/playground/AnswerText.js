import { html } from '../lib/html.js'

/** How a mark says whose it is. */
const authors = {
  model: 'Cited by the model.',
  overlap: 'Added by the server: this passage says the sentence in the same words.',
}

/** Cuts a text at the marks of its citations, which say where they stand in bytes. Answers of earlier versions do not say it. */
function pieces(text, citations) {
  const marks = citations.flatMap((one) => (one.offsets ?? []).map((offset) => ({
    offset,
    citation: one,
  }))).sort((a, b) => a.offset - b.offset)
  if (!marks.length) {
    return text.split(/(\[\d+\])/).map((piece) => ({
      text: piece,
      citation: /^\[\d+\]$/.test(piece) && citations.find((one) => one.number === Number(piece.slice(1, -1))),
    }))
  }
  const bytes = new TextEncoder().encode(text)
  const decoder = new TextDecoder()
  const found = []
  let start = 0
  for (const { offset, citation } of marks) {
    const end = offset + `[${citation.number}]`.length
    found.push({ text: decoder.decode(bytes.slice(start, offset)) }, { text: decoder.decode(bytes.slice(offset, end)), citation })
    start = end
  }
  return [...found, { text: decoder.decode(bytes.slice(start)) }]
}

/** An answer whose marks [n] are buttons that lead to the passage. Emits `cite` with the citation. */
export const AnswerText = ({ text, citations = [], isOpen }, { emit }) => {
  const mark = (one) => {
    const source = `Source ${one.number}: ${one.title || one.document}.`
    return html`<button type="button" class=${['cite', one.by === 'overlap' && 'by-server']}
      title=${`${source} ${authors[one.by] ?? ''}`} aria-label=${`${source} ${authors[one.by] ?? ''}`}
      onClick=${() => emit('cite', one)}>
      ${one.number}
    </button>`
  }
  return html`<div class=${['answer', isOpen && 'caret']}>
    ${pieces(text, citations).map((piece) => piece.citation ? mark(piece.citation) : piece.text)}
  </div>`
}
AnswerText.props = ['text', 'citations', 'isOpen']
AnswerText.emits = ['cite']
