import { nextTick, onScopeDispose, reactive, ref, shallowRef } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { ApiError, mine } from '../lib/api.js'
import { events } from '../lib/events.js'
import { cost, count, span } from '../lib/format.js'
import { AnswerText } from './AnswerText.js'
import { AnswerTrace } from './AnswerTrace.js'
import { ErrorNote } from '../shared/Basics.js'
import { Icon } from '../shared/Icon.js'

const doing = {
  cache: 'Looking in the cache',
  draft: 'Drafting',
  retrieve: 'Looking up passages',
  compose: 'Writing the prompt',
  answer: 'Answering',
}

/** One conversation with a minion. Its parent calls `ask(question)`, `stop()` and `clear()`. */
export const ChatPane = {
  props: { minion: Object, settings: Object, title: String },
  setup(props, { expose, slots }) {
    const turns = reactive([])
    const isBusy = ref(false)
    const list = ref(null)
    const looked = shallowRef(null)
    const look = (turn, cited) => { looked.value = { turn, cited } }
    let stopping

    const toEnd = async () => { await nextTick(); if (list.value) list.value.scrollTop = list.value.scrollHeight }
    async function ask(question) {
      const history = turns
        .filter((turn) => turn.answer && !turn.error)
        .flatMap((turn) => [{ role: 'user', content: turn.question }, { role: 'assistant', content: turn.answer }])
        .slice(-20)
      turns.push({ question, answer: '', stages: [], done: null, error: null, isOpen: true, began: performance.now(), first: null })
      const turn = turns[turns.length - 1]
      isBusy.value = true
      stopping = new AbortController()
      toEnd()
      try {
        const json = { question, history, stream: true, trace: true, ...props.settings }
        for await (const { name, data } of events('POST', mine(`minions/${props.minion.id}/ask`), { json, signal: stopping.signal })) {
          if (name === 'stage') turn.stages.push(data)
          else if (name === 'text') {
            turn.first ??= performance.now() - turn.began
            turn.answer += data.text
          } else if (name === 'done') turn.done = data
          else if (name === 'error') throw new ApiError(200, data.error)
          toEnd()
        }
        if (!turn.done) throw new Error('The answer broke off before its end. What came is shown; ask again for all of it.')
        turn.answer = turn.done.answer
      } catch (error) {
        if (error.name === 'AbortError') turn.isStopped = true
        else turn.error = error
      } finally {
        turn.isOpen = false
        isBusy.value = false
        toEnd()
      }
    }
    const stop = () => stopping?.abort()
    onScopeDispose(stop)
    expose({ ask, stop, isBusy, clear: () => { stop(); turns.splice(0) } })

    const now = (turn) => {
      const last = turn.stages[turn.stages.length - 1]?.stage
      const next = last === 'compose' ? 'answer' : ['draft', 'retrieve'].includes(last) ? 'compose' : 'retrieve'
      return `${doing[next]} …`
    }
    const footer = (turn) => html`<div class="row wrap-row small muted">
      <span>${turn.done.provider} · ${turn.done.model}</span>
      <span class="number">${count(turn.done.usage.input)} in, ${count(turn.done.usage.output)} out</span>
      <span class="number">
        ${turn.done.cached ? 'cached, $0' : turn.done.usage.cost === null ? 'cost unknown' : cost(turn.done.usage.cost)}
      </span>
      ${turn.first !== null && html`<span class="number">first word ${span(turn.first)}</span>`}
      ${turn.done.degraded.length > 0 && html`<span class="badge warn">${turn.done.degraded.map((one) => one.effect).join('; ')}</span>`}
      ${turn.done.trace && html`<button type="button" class="button tight" onClick=${() => look(turn)}>Trace</button>`}
    </div>`

    const shown = (turn, index) => [
      html`<div class="turn user" key=${`q${index}`}><span class="hidden">You: </span>${turn.question}</div>`,
      html`<div class="turn minion" key=${`a${index}`}>
        <span class="hidden">${props.minion.display_name}: </span>
        ${(turn.answer || !turn.isOpen) && html`<${AnswerText} text=${turn.answer} citations=${turn.done?.citations}
          isOpen=${turn.isOpen} onCite=${(citation) => look(turn, citation.number)} />`}
        ${turn.isOpen && !turn.answer && html`<p class="small muted row"><${Icon} name="retry" spin /> ${now(turn)}</p>`}
        ${turn.isStopped && html`<p class="small muted">Stopped by you.</p>`}
        ${turn.error && html`<${ErrorNote} error=${turn.error} />`}
        ${turn.done && footer(turn)}
      </div>`,
    ]
    return () => html`<section class="pane" aria-label=${props.title ?? 'Conversation'}>
      ${props.title && html`<div class="row" style="padding: 0.6rem 1.15rem; border-bottom: 1px solid var(--line)">
        <h2>${props.title}</h2>
      </div>`}
      <div class="turns" ref=${list} role="log" aria-live="polite" aria-busy=${String(isBusy.value)} tabindex="0">
        ${turns.length ? turns.map(shown) : slots.default?.()}
      </div>
      ${looked.value && html`<${AnswerTrace} trace=${looked.value.turn.done.trace}
        question=${looked.value.turn.question} cited=${looked.value.cited} onClose=${() => { looked.value = null }} />`}
    </section>`
  },
}
