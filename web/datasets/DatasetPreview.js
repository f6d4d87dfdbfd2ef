import { html } from '../lib/html.js'
import { get, mine } from '../lib/api.js'
import { plural } from '../lib/format.js'
import { leftOut } from '../lib/examples.js'
import { resource } from '../lib/resource.js'
import { Loaded } from '../shared/Basics.js'

const learned = (one) => `${plural(one.learned_tokens, 'token')} learned of ${one.tokens}${one.cut ? ', beginning cut' : ''}.`
  + (one.fields_left_out ? ` Not read: ${one.fields_left_out.join(', ')}.` : '')

const dropped = (one) => html`<span class="badge warn">Left out of training</span>
  ${` It ${leftOut[one.dropped]?.one ?? 'cannot be trained from'}.`}`

/** The first examples exactly as training sees them. */
export const DatasetPreview = {
  props: { id: String },
  setup(props) {
    const preview = resource(async () => (await get(mine(`training-datasets/${props.id}/preview`), { limit: 5 })).items)
    return () => html`<${Loaded} of=${preview} what="Rendering the examples as training sees them">
      <p class="small muted">
        What is <mark style="background: var(--accent-soft)">marked</mark> is learned; the rest is only read.
      </p>
      <ol class="stack">
        ${preview.data?.map((one, index) => html`<li class="stack tight" key=${index}>
          <p class="tiny muted">
            Example ${index + 1}: ${one.dropped ? dropped(one) : learned(one)}
          </p>
          <div class="code pieces">
            ${one.pieces.map((piece) => html`<span class=${piece.learned ? 'learned' : 'muted'}>${piece.text}</span>`)}
          </div>
        </li>`)}
      </ol>
    </>`
  },
}
