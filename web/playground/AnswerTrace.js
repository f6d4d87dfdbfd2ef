import { nextTick, onMounted, ref } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { cost, count, plural, span } from '../lib/format.js'
import { Facts, Note } from '../shared/Basics.js'
import { DocumentDrawer } from '../shared/DocumentDrawer.js'
import { Icon } from '../shared/Icon.js'
import { Modal } from '../shared/Modal.js'
import { PassageList } from '../shared/PassageList.js'
import { TraceTimeline } from './TraceTimeline.js'

const fold = (name, content, isOpen) => html`<details class="fold" open=${isOpen}>
  <summary><${Icon} name="right" /> ${name}</summary>
  <div>${content}</div>
</details>`

/** Everything that went into one answer. With `cited` it opens at that passage. */
export const AnswerTrace = {
  props: { trace: Object, question: String, cited: Number },
  emits: ['close'],
  setup(props, { emit }) {
    const opened = ref(null)
    onMounted(async () => {
      if (!props.cited) return
      // Behind the dialog's own mounting, which sets the focus first.
      await nextTick()
      const passage = document.getElementById(`passage-${props.cited}`)
      passage?.scrollIntoView({ block: 'center' })
      passage?.focus({ preventScroll: true })
    })
    const attempt = (one, index) => html`<tr key=${index}>
      <td class="wrap">${one.provider}<div class="small muted">${one.model}</div></td>
      <td>
        <span class=${['badge', one.outcome === 'ok' ? 'ok' : 'bad']}>
          ${one.was_sent ? one.outcome.replaceAll('_', ' ') : 'not sent'}
        </span>
        ${one.message && html`<div class="small muted wrap">${one.message}</div>`}
      </td>
      <td class="number">
        ${one.usage
          ? `${count(one.usage.input)} in, ${count(one.usage.output)} out${one.usage.is_estimate ? ' (estimate)' : ''}`
          : '–'}
      </td>
      <td class="number">${one.cost === undefined ? (one.was_sent ? 'unknown' : '–') : cost(one.cost)}</td>
      <td class="number">
        ${span(one.milliseconds)}
        ${one.first_token_milliseconds !== undefined && html`<div class="tiny muted">
          first token ${span(one.first_token_milliseconds)}
        </div>`}
      </td>
    </tr>`
    return () => {
      const { trace } = props
      const whole = trace.stages.reduce((sum, stage) => sum + stage.milliseconds, 0)
      return html`<${Modal} title="How this answer came about" kind="drawer" onClose=${() => emit('close')}>
        <p class="muted wrap">${props.question}</p>
        <${Facts} items=${[
            ['Release', trace.release_number ?? 'none'],
            ['Tokens', `${count(trace.tokens.input)} in, ${count(trace.tokens.output)} out`],
            ['Cost', cost(trace.tokens.cost)],
            ['Work', span(whole)],
          ]} />
        ${trace.degraded.map((one) => html`<${Note} kind="warn" icon="warn">${one.stage}: ${one.reason}. ${one.effect}</>`)}
        <section class="stack tight"><h3>Timeline</h3><${TraceTimeline} stages=${trace.stages} /></section>
        ${trace.draft && html`<section class="stack tight">
          <h3>Draft</h3>
          <div class="code pre">${trace.draft.text}</div>
          <p class="small muted">
            In the trained voice at
            strength ${trace.draft.scale}; ${trace.draft.in_prompt
              ? 'given to the model for its voice'
              : 'only shown here'}.
          </p>
        </section>`}
        ${trace.voice_examples?.length > 0
          && fold(`Replies of your own in the prompt (${trace.voice_examples.length})`, html`<ul class="stack">
            ${trace.voice_examples.map((one) => html`<li class="small stack tight">
              <span class="muted">${one.message}</span>
              <span class="pre">${one.reply}</span>
            </li>`)}
          </ul>`)}
        ${trace.restyle && html`<section class="stack tight">
          <h3>Restyled</h3>
          <p class="small muted">
            ${{ all: 'Every piece', some: 'Some pieces', none: 'No piece' }[trace.restyle.kept]} kept its meaning in the
            voice.
          </p>
          ${trace.restyle.pieces.map((piece, index) => html`<div class="code stack tight" key=${index}>
            <p class="pre muted">${piece.original}</p>
            ${piece.restyled && html`<p class="pre">${piece.restyled}</p>`}
            <p class="tiny">
              <span class=${['badge', piece.kept ? 'ok' : 'warn']}>
                ${piece.kept ? 'kept' : 'left as it was'}
              </span> ${piece.meaning !== undefined ? `meaning ${piece.meaning.toFixed(2)}` : ''} ${piece.reason ?? ''}
            </p>
          </div>`)}
        </section>`}
        ${trace.search && html`<section class="stack tight">
          <h3>Passages</h3>
          <p class="small muted">
            ${plural(trace.passages.length, 'passage')} of ${plural(trace.search.chunks_searched, 'chunk')} in ${plural(
              trace.search.documents_searched,
              'document',
            )},
            searched ${trace.search.strategy === 'hybrid' ? 'by meaning and by words' : trace.search.strategy}.
          </p>
          <div class="card flush">
            <${PassageList} passages=${trace.passages} query=${trace.search.query} numbered cited=${props.cited}
              onOpen=${(passage) => { opened.value = passage }} />
          </div>
        </section>`}
        ${fold('Prompt', html`<ol class="stack">
          ${trace.prompt.map((message, index) => html`<li key=${index} class="stack tight">
            <span class="badge">${message.role}</span>
            <div class="code pre">${message.content}</div>
          </li>`)}
        </ol>`)}
        <section class="stack tight">
          <h3>Attempts</h3>
          ${trace.attempts.length
            ? html`<div class="scroll-x card flush" tabindex="0" role="region" aria-label="Attempts">
                <table>
                  <thead>
                    <tr>
                      <th scope="col">Model</th>
                      <th scope="col">Outcome</th>
                      <th scope="col" class="number">Tokens</th>
                      <th scope="col" class="number">Cost</th>
                      <th scope="col" class="number">Time</th>
                    </tr>
                  </thead>
                  <tbody>${trace.attempts.map(attempt)}</tbody>
                </table>
              </div>`
            : html`<p class="small muted">No model was called: the answer came from the cache.</p>`}
        </section>
        ${opened.value && html`<${DocumentDrawer} collectionId=${trace.search.collection_id}
          version=${trace.search.version} passage=${opened.value} onClose=${() => { opened.value = null }} />`}
      </>`
    }
  },
}
