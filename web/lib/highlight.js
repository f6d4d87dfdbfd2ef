import { html } from './html.js'

// Words that stand in every passage tell nothing of this one.
const COMMON = new Set('about after also and any are because been before being but can could did does each for from had has have her his how into its may more most not our out over same she should some such than that the their them then there these they this those through was were what when where which while who whom why will with would you your'.split(' '))

/** The text with the query's words marked, however they end. */
export function highlighted(text, query) {
  const words = [...new Set((query ?? '').toLowerCase().match(/[\p{L}\p{N}]{3,}/gu) ?? [])].filter((word) => !COMMON.has(word))
    .map((word) => (word.length > 5 ? word.slice(0, Math.max(4, word.length - 2)) : word))
  if (!words.length) return text
  const pattern = new RegExp(`(?<![\\p{L}\\p{N}])(${words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|')})[\\p{L}\\p{N}]*`, 'giu')
  const pieces = []
  let at = 0
  for (const found of text.matchAll(pattern)) {
    pieces.push(text.slice(at, found.index), html`<mark>${found[0]}</mark>`)
    at = found.index + found[0].length
  }
  return [...pieces, text.slice(at)]
}
