import { html } from '../lib/html.js'
import { highlighted } from '../lib/highlight.js'
import { fixed } from '../lib/format.js'

const names = { dense: 'meaning', lexical: 'words', rerank: 'reranked' }
const meaning = { dense: 'cosine similarity', lexical: 'BM25', rerank: 'probability that it answers' }

/** Passages with every score they have; the `cited` one stands out. Emits `open` with the one whose document is to be shown. */
export const PassageList = ({ passages, query, numbered, cited }, { emit }) => html`<ol>${passages.map((passage, index) => html`<li class=${['passage', cited === index + 1 && 'is-cited']} key=${passage.chunk_id} id=${numbered ? `passage-${index + 1}` : undefined} tabindex=${cited === index + 1 ? -1 : undefined}>
  <div class="row wrap-row small"><span class="strong wrap">${numbered && `[${index + 1}] `}${passage.title || passage.document}</span>
    <span class="muted wrap">${[...(passage.headings ?? [])].join(' › ')}</span></div>
  <p class="passage-text">${highlighted(passage.text, query)}</p>
  <div class="row wrap-row small muted">
    ${passage.signals.map((signal) => html`<span class="badge" key=${signal.name} title=${meaning[signal.name]}>${names[signal.name] ?? signal.name} ${fixed(signal.score, signal.name === 'lexical' ? 1 : 2)}, #${signal.rank}</span>`)}
    <span class="number" title="Fused by rank; orders these passages and says nothing more">score ${fixed(passage.score, 4)}</span>
    <span class="grow"></span>
    <button type="button" class="button tight quiet" onClick=${() => emit('open', passage)}>Open ${passage.document}</button>
  </div></li>`)}</ol>`
PassageList.props = ['passages', 'query', 'numbered', 'cited']
PassageList.emits = ['open']
