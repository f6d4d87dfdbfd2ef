import { onScopeDispose, shallowReactive, watch } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { mine, post } from '../lib/api.js'
import { has } from '../lib/features.js'
import { bytes, cost, count, span } from '../lib/format.js'
import { ErrorNote, Facts, Note } from './Basics.js'

/** What the job will take, by the server's own estimate; nothing where it makes none. */
export const TrainingEstimate = {
  props: { body: Object },
  setup(props) {
    const state = shallowReactive({ exists: false, reply: null, error: null })
    let timer, run = 0
    // Indexing alone is a matter of seconds, and is not estimated.
    const isWanted = () => props.body && props.body.training_type !== 'rag_only' && state.exists
    async function ask() {
      if (!isWanted()) return
      const mineRun = ++run
      try {
        const reply = await post(mine('external-training/jobs/estimate'), props.body)
        if (mineRun === run) Object.assign(state, { reply, error: null })
      } catch (error) { if (mineRun === run) Object.assign(state, { reply: null, error }) }
    }
    has('post', '/api/users/{user_id}/external-training/jobs/estimate').then((exists) => { state.exists = exists; ask() }, () => {})
    watch(() => JSON.stringify(props.body), () => { clearTimeout(timer); timer = setTimeout(ask, 400) })
    onScopeDispose(() => clearTimeout(timer))
    return () => {
      if (!isWanted()) return null
      if (state.error) return html`<${ErrorNote} error=${state.error} />`
      const reply = state.reply
      if (!reply) return html`<p class="small muted">Estimating …</p>`
      return html`<section class="card stack tight" aria-label="Estimate" aria-live="polite"><h3>What it will take</h3>
        <${Facts} items=${[['Time', `about ${span(reply.seconds * 1000)}`], ['Memory', bytes(reply.peak_memory_bytes)], ['Disk', bytes(reply.disk_bytes)],
          ['Cost', reply.estimated_cost_usd === undefined ? 'none: it trains on this server' : cost(reply.estimated_cost_usd)],
          ['Examples', `${count(reply.examples)}, ${count(reply.validation_examples)} held out`], ['Steps', count(reply.steps)]]} />
        <p class="tiny muted">Based on ${reply.based_on}.</p>
        ${reply.warnings.map((one) => html`<${Note} key=${one.code} kind="warn" icon="warn">${one.message}${one.hint ? ` ${one.hint}` : ''}</>`)}</section>`
    }
  },
}
