import { computed, reactive, shallowRef, watchEffect } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { newId } from '../lib/forms.js'
import { EDITABLE_BYTES } from '../lib/files.js'
import { plural } from '../lib/format.js'
import { Icon } from './Icon.js'

/**
 * Why a file was refused, each problem at its line, where a small text file's line can be corrected on the spot.
 * Emits `corrected` with the whole file as it is then.
 */
export const DatasetProblems = {
  props: { error: Object, file: Blob },
  emits: ['corrected'],
  setup(props, { emit }) {
    const lines = shallowRef(null)
    const edits = reactive({})
    const id = newId('line')
    watchEffect(async () => {
      lines.value = null
      if (!props.file || props.file.size > EDITABLE_BYTES) return
      const text = await props.file.text()
      // A character that is not text: a binary file, which is not corrected here.
      if (!text.includes('\0')) lines.value = text.split('\n')
    })
    const byLine = computed(() => {
      const groups = new Map()
      for (const detail of props.error.details) {
        const line = detail.line ?? 0
        groups.set(line, [...(groups.get(line) ?? []), detail])
      }
      return [...groups].sort(([a], [b]) => a - b)
    })
    function correct() {
      const all = lines.value.map((line, index) => edits[index + 1] ?? line)
      for (const line of Object.keys(edits)) delete edits[line]
      emit('corrected', new Blob([all.join('\n')]))
    }
    const original = (line) => lines.value?.[line - 1]

    const problem = ([line, details]) => html`<li class="problem" key=${line}>
      <p class="small"><span class="badge bad">${line ? `Line ${line}` : 'File'}</span></p>
      ${details.map((detail) => html`<p class="small wrap">
        ${detail.field && html`<code>${detail.field}</code>`} ${detail.message}
        ${detail.hint && html`<br /><span class="muted">${detail.hint}</span>`}
      </p>`)}
      ${line > 0 && original(line) !== undefined && html`<div class="stack tight">
        <label class="hidden" for=${`${id}-${line}`}>${`Line ${line}`}</label>
        <textarea class="textarea source" rows="2" id=${`${id}-${line}`} spellcheck="false"
          value=${edits[line] ?? original(line)}
          onInput=${(event) => { edits[line] = event.target.value.replaceAll('\n', ' ') }}></textarea>
      </div>`}
    </li>`

    return () => html`<section class="stack tight" aria-label="Problems">
      <div class="note bad" role="alert">
        <${Icon} name="warn" />
        <div>${props.error.message}. Nothing was stored.</div>
      </div>
      <ul class="card flush">${byLine.value.map(problem)}</ul>
      ${lines.value
        ? html`<div class="row wrap-row">
            <button type="button" class="button primary" disabled=${!Object.keys(edits).length} onClick=${correct}>
              Upload with ${plural(Object.keys(edits).length, 'correction')}
            </button>
            <span class="small muted">Correct the lines above; the file on your disk stays as it is.</span>
          </div>`
        : html`<p class="small muted">Correct the file and drop it again.</p>`}
    </section>`
  },
}
