import { html } from '../lib/html.js'
import { fixed } from '../lib/format.js'

// Words that stand in every passage tell nothing of this one.
const COMMON = new Set(
  (
    'about after also and any are because been before being but can could did does each for from had has have '
    + 'her his how into its may more most not our out over same she should some such than that the their them '
    + 'then there these they this those through was were what when where which while who whom why will with '
    + 'would you your'
  ).split(' '),
)

/** The text with the query's words marked, however they end. */
function highlighted(text, query) {
  const words = [...new Set((query ?? '').toLowerCase().match(/[\p{L}\p{N}]{3,}/gu) ?? [])].filter((word) => !COMMON.has(word))
    .map((word) => (word.length > 5 ? word.slice(0, Math.max(4, word.length - 2)) : word))
  if (!words.length) return text
  const pattern = new RegExp(
    `(?<![\\p{L}\\p{N}])(${words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|')})[\\p{L}\\p{N}]*`,
    'giu',
  )
  const pieces = []
  let at = 0
  for (const found of text.matchAll(pattern)) {
    pieces.push(text.slice(at, found.index), html`<mark>${found[0]}</mark>`)
    at = found.index + found[0].length
  }
  return [...pieces, text.slice(at)]
}

const names = { dense: 'meaning', lexical: 'words', rerank: 'reranked' }
const meaning = { dense: 'cosine similarity', lexical: 'BM25', rerank: 'probability that it answers' }

/** Passages with every score they have; the `cited` one stands out. Emits `open` with the one whose document is to be shown. */
export const PassageList = ({ passages, query, numbered, cited }, { emit }) => html`<ol>
  ${passages.map((passage, index) => html`<li class=${['passage', cited === index + 1 && 'is-cited']}
    key=${passage.chunk_id} id=${numbered ? `passage-${index + 1}` : undefined}
    tabindex=${cited === index + 1 ? -1 : undefined}>
    <div class="row wrap-row small">
      <span class="strong wrap">${numbered && `[${index + 1}] `}${passage.title || passage.document}</span>
      <span class="muted wrap">${[...(passage.headings ?? [])].join(' › ')}</span>
    </div>
    <p class="passage-text">${highlighted(passage.text, query)}</p>
    <div class="row wrap-row small muted">
      ${passage.signals.map((signal) => html`<span class="badge" key=${signal.name} title=${meaning[signal.name]}>
        ${names[signal.name] ?? signal.name} ${fixed(signal.score, signal.name === 'lexical' ? 1 : 2)}, #${signal.rank}
      </span>`)}
      <span class="number" title="Fused by rank; orders these passages and says nothing more">
        score ${fixed(passage.score, 4)}
      </span>
      <span class="grow"></span>
      <button type="button" class="button tight quiet" onClick=${() => emit('open', passage)}>
        Open ${passage.document}
      </button>
    </div>
  </li>`)}
</ol>`
PassageList.props = ['passages', 'query', 'numbered', 'cited']
PassageList.emits = ['open']
