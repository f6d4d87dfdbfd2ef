import { html } from '../lib/html.js'
import { count, short } from '../lib/format.js'

/** How long the examples are; the bars are the report's buckets. */
export const TokenHistogram = ({ tokens }) => {
  const most = Math.max(1, ...tokens.buckets.map((bucket) => bucket.examples))
  const name = (bucket, index) => (bucket.up_to === undefined ? `> ${tokens.buckets[index - 1]?.up_to ?? 0}` : `${short(bucket.up_to)}`)
  return html`<figure class="stack tight">
    <figcaption class="small muted">
      Examples by estimated tokens, up to: median ${count(tokens.median)}, 95 % below ${count(tokens.p95)},
      longest ${count(tokens.longest)}, ${count(tokens.total)} in all
    </figcaption>
    <ul class="histogram">
      ${tokens.buckets.map((bucket, index) => html`<li key=${index} title=${`${bucket.examples} examples`}>
        <span style="border: 0; padding: 0">${bucket.examples ? short(bucket.examples) : ''}</span>
        <i style=${{ height: `${(bucket.examples / most) * 74}%` }}></i>
        <span>${name(bucket, index)}</span>
      </li>`)}
    </ul>
  </figure>`
}
TokenHistogram.props = ['tokens']
