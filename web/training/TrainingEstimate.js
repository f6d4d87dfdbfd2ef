import { onScopeDispose, shallowReactive, watch } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { mine, post } from '../lib/api.js'
import { bytes, cost, count, plural, span } from '../lib/format.js'
import { ErrorNote, Facts, Note } from '../shared/Basics.js'

const purposes = { paraphrase: 'Paraphrases', embedding: 'Embedding', evaluation: 'Measuring', judge: 'Judging' }

const spent = ({ costs, estimated_cost_usd: sum }) => (costs.length === 0
  ? 'none: all is done on this server'
  : sum === undefined ? 'unknown' : `about ${cost(sum)}`)

/** What the job will take, by the server's own estimate; nothing while something is missing. */
export const TrainingEstimate = {
  // isForAnother: the dialog names a model that the minion does not have yet, and the server knows only the minion.
  props: { body: Object, isForAnother: Boolean },
  setup(props) {
    const state = shallowReactive({ reply: null, error: null })
    let timer, run = 0
    async function ask() {
      if (!props.body) return
      const mineRun = ++run
      try {
        const reply = await post(mine('external-training/jobs/estimate'), props.body)
        if (mineRun === run) Object.assign(state, { reply, error: null })
      } catch (error) { if (mineRun === run) Object.assign(state, { reply: null, error }) }
    }
    ask()
    watch(() => JSON.stringify(props.body), () => { clearTimeout(timer); timer = setTimeout(ask, 400) })
    onScopeDispose(() => clearTimeout(timer))
    return () => {
      if (!props.body) return null
      if (state.error) return html`<${ErrorNote} error=${state.error} />`
      const reply = state.reply
      if (!reply) return html`<p class="small muted">Estimating …</p>`
      const isTrained = reply.seconds !== undefined
      return html`<section class="card stack tight" aria-label="Estimate" aria-live="polite">
        <h3>What it will take</h3>
        <${Facts} items=${[
            isTrained && ['Training', `about ${span(reply.seconds * 1000)}`],
            isTrained && ['Memory', bytes(reply.peak_memory_bytes)],
            isTrained && ['Disk', bytes(reply.disk_bytes)],
            ['Cost', spent(reply)],
            isTrained && ['Examples', `${count(reply.examples)}, ${count(reply.validation_examples)} held out`],
            isTrained && ['Steps', count(reply.steps)],
          ]} />
        ${reply.costs.length > 0 && html`<ul class="small muted">
          ${reply.costs.map((part) => html`<li key=${part.purpose}>
            ${purposes[part.purpose]}:
            about ${plural(part.calls, 'call')} of ${part.model}, ${part.estimated_cost_usd === undefined
              ? 'at a price that is not known'
              : cost(part.estimated_cost_usd)}
          </li>`)}
        </ul>`}
        ${props.isForAnother && reply.costs.length > 0 && html`<p class="small muted">With the model that the minion has now.</p>`}
        ${isTrained && html`<p class="tiny muted">Based on ${reply.based_on}.</p>`}
        ${reply.warnings.map((one) => html`<${Note} key=${one.code} kind="warn" icon="warn">
          ${one.message}
          ${one.hint ? ` ${one.hint}` : ''}
        </>`)}
      </section>`
    }
  },
}
