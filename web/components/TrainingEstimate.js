import { onScopeDispose, shallowReactive, watch } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { mine, post } from '../lib/api.js'
import { has } from '../lib/features.js'
import { bytes, cost, count, span } from '../lib/format.js'
import { ErrorNote, Facts } from './Basics.js'

const words = (name) => { const text = name.replace(/_(seconds|bytes|milliseconds|usd)$/, '').replaceAll('_', ' '); return text[0].toUpperCase() + text.slice(1) }

/** A figure of the estimate, by what its name says of its unit. */
function figure(name, value) {
  if (typeof value !== 'number') return null
  if (/seconds/.test(name)) return span(value * (/milliseconds/.test(name) ? 1 : 1000))
  if (/bytes|memory|disk/.test(name)) return bytes(value)
  if (/cost|usd/.test(name)) return cost(value)
  return count(Math.round(value * 100) / 100)
}

/** What the job will take, by the server's own estimate; nothing where it makes none. */
export const TrainingEstimate = {
  props: { body: Object },
  setup(props) {
    const state = shallowReactive({ exists: false, reply: null, error: null })
    let timer, run = 0
    async function ask() {
      if (!props.body || !state.exists) return
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
      if (!state.exists || !props.body) return null
      if (state.error) return html`<${ErrorNote} error=${state.error} />`
      if (!state.reply) return html`<p class="small muted">Estimating …</p>`
      const figures = Object.entries(state.reply).map(([name, value]) => [words(name), figure(name, value)]).filter(([, value]) => value !== null)
      return figures.length > 0 && html`<section class="card stack tight" aria-live="polite"><h3>What it will take</h3><${Facts} items=${figures} />
        ${state.reply.note && html`<p class="tiny muted">${state.reply.note}</p>`}</section>`
    }
  },
}
