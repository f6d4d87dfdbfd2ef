import { reactive, ref } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { mine, upload } from '../lib/api.js'
import { droppedFiles, guessKind, isEither, tar } from '../lib/files.js'
import { bytes, percent, plural } from '../lib/format.js'
import { Bar, ErrorNote, Segments } from './Basics.js'
import { DatasetProblems } from './DatasetProblems.js'
import { Icon } from './Icon.js'

let next = 0

/** Files dropped or chosen become datasets; what cannot be used is shown at its line. Emits `uploaded` with each dataset. */
export const DatasetUpload = {
  props: { isSmall: Boolean },
  emits: ['uploaded'],
  setup(props, { emit }) {
    const isOver = ref(false)
    const queue = reactive([])
    const input = ref(null)

    function add(files) {
      const documents = files.filter(({ file }) => guessKind(file.name) === 'rag')
      for (const one of files.filter((entry) => !documents.includes(entry))) push(one.file, one.file.name, 'jsonl')
      if (documents.length === 1) push(documents[0].file, documents[0].file.name, 'rag')
      if (documents.length > 1) push(
        tar(documents),
        `${documents[0].path.includes('/') ? documents[0].path.split('/')[0] : plural(documents.length, 'document')}.tar`,
        'rag'
      )
    }
    function push(body, name, kind) {
      queue.push({ id: ++next, body, name, kind, share: 0, state: 'waiting', error: null, abort: null })
      const entry = queue[queue.length - 1]
      // What may be either waits for its user to say what it is.
      if (!isEither(name) || name.toLowerCase().endsWith('.jsonl')) send(entry)
    }
    async function send(entry, body = entry.body) {
      Object.assign(entry, { state: 'sending', error: null, share: 0, abort: new AbortController(), body })
      try {
        const query = { dataset_type: entry.kind, file_name: entry.name, dataset_name: entry.rename }
        const dataset = await upload('POST', mine('training-datasets'), query, body, (share) => { entry.share = share }, entry.abort.signal)
        drop(entry)
        emit('uploaded', dataset)
      } catch (error) {
        if (error.name === 'AbortError') drop(entry)
        else Object.assign(entry, { state: 'refused', error })
      }
    }
    const drop = (entry) => queue.splice(queue.findIndex((one) => one.id === entry.id), 1)
    async function onDrop(event) {
      event.preventDefault()
      isOver.value = false
      add(await droppedFiles(event.dataTransfer))
    }
    const onOver = (event) => { event.preventDefault(); isOver.value = true }

    const waiting = (entry) => html`<div class="stack tight">
      <${Segments} label="What is in it" options=${[['jsonl', 'Examples of a voice'], ['rag', 'Documents']]}
        modelValue=${entry.kind} ...${{ 'onUpdate:modelValue': (kind) => { entry.kind = kind } }} />
      <div class="row">
        <button type="button" class="button primary tight" onClick=${() => send(entry)}>Upload</button>
      </div>
    </div>`
    const refused = (entry) => html`<div class="stack tight">
      ${entry.error.code === 'dataset_invalid'
        ? html`<${DatasetProblems} error=${entry.error} file=${entry.body} onCorrected=${(blob) => send(entry, blob)} />`
        : html`<${ErrorNote} error=${entry.error} />`}
      ${entry.error.code === 'conflict' && html`<div class="row">
        <input class="input" aria-label="Another name" value=${entry.rename ?? entry.name}
          onInput=${(event) => { entry.rename = event.target.value }} />
        <button type="button" class="button" onClick=${() => send(entry)}>Upload under this name</button>
      </div>`}
      ${entry.error.code !== 'dataset_invalid' && entry.error.code !== 'conflict' && html`<div>
        <button type="button" class="button tight" onClick=${() => send(entry)}>Try again</button>
      </div>`}
    </div>`

    return () => html`<div class="stack">
      <div class=${['drop', isOver.value && 'is-over']} onDragover=${onOver}
        onDragleave=${() => { isOver.value = false }} onDrop=${onDrop}>
        <${Icon} name="upload" />
        <p class="strong">Drop files or folders here</p>
        ${!props.isSmall && html`<p class="small">
          Examples of a voice: JSONL, CSV, Parquet. Documents: Markdown, PDF, Word, Excel, HTML, text, archives.
        </p>`}
        <button type="button" class="button" onClick=${() => input.value.click()}>Choose files</button>
        <input ref=${input} type="file" multiple hidden aria-label="Choose files"
          onChange=${(event) => {
            add([...event.target.files].map((file) => ({ file, path: file.name })))
            event.target.value = ''
          }} />
      </div>
      ${queue.map((entry) => html`<div class="card stack tight" key=${entry.id}>
        <div class="row">
          <${Icon} name="file" />
          <span class="strong grow wrap">${entry.name}</span>
          <span class="small muted nowrap">${bytes(entry.body.size)}</span>
          <button type="button" class="button quiet icon-only tight" aria-label=${`Leave out ${entry.name}`}
            onClick=${() => (entry.state === 'sending' ? entry.abort.abort() : drop(entry))}>
            <${Icon} name="close" />
          </button>
        </div>
        ${entry.state === 'sending' && html`<div class="row">
          <div class="grow"><${Bar} value=${entry.share} label=${`Uploading ${entry.name}`} /></div>
          <span class="small muted number">${entry.share < 1 ? percent(entry.share) : 'Reading it …'}</span>
        </div>`}
        ${entry.state === 'waiting' && waiting(entry)}
        ${entry.state === 'refused' && refused(entry)}
      </div>`)}
    </div>`
  },
}
