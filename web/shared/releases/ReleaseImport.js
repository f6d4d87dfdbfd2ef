import { reactive, ref } from '../../lib/vue.js'
import { html } from '../../lib/html.js'
import { get, mine, upload } from '../../lib/api.js'
import { extension } from '../../lib/files.js'
import { checked, choice } from '../../lib/forms.js'
import { bytes, percent } from '../../lib/format.js'
import { action, resource } from '../../lib/resource.js'
import { toast } from '../../lib/toasts.js'
import { Bar, ErrorNote, Segments } from '../Basics.js'
import { Field } from '../Field.js'
import { Icon } from '../Icon.js'
import { Modal } from '../Modal.js'

const kinds = [['release', 'Release'], ['adapter', 'Adapter']]
const words = {
  release: 'The tar that a release’s “Export” gave, here or on another server with the same base model.',
  adapter: 'A zip of a PEFT folder, or a GGUF adapter. It is checked against the base model; the minion keeps its documents.',
}

/** Brings in a release, or an adapter as a new release. Emits `imported` with the release, `close`. */
export const ReleaseImport = {
  props: { minion: Object },
  emits: ['imported', 'close'],
  setup(props, { emit }) {
    const form = reactive({ kind: 'release', base_model: '', promote: false, apply_settings: false })
    const file = ref(null)
    const share = ref(null)
    const isOver = ref(false)
    const input = ref(null)
    let stopping = null
    const models = resource(async () => (await get('/api/models')).items)
    function take(one) {
      if (!one) return
      file.value = one
      // What it is called says what it is; the buttons say otherwise where it is wrong.
      if (['zip', 'gguf'].includes(extension(one.name))) form.kind = 'adapter'
      if (extension(one.name) === 'tar') form.kind = 'release'
    }
    const sending = action(async () => {
      if (!file.value) return
      stopping = new AbortController()
      share.value = 0
      const onProgress = (value) => { share.value = value }
      const isRelease = form.kind === 'release'
      try {
        const reply = isRelease
          ? await upload(
              'POST', mine(`minions/${props.minion.id}/releases/import`),
              { promote: form.promote, apply_settings: form.apply_settings }, file.value, onProgress, stopping.signal
            )
          : await upload(
            'POST', mine('adapters'),
            { minion_id: props.minion.id, base_model: form.base_model, promote: form.promote }, file.value, onProgress,
            stopping.signal
          )
        const release = isRelease ? reply : reply.release
        toast(form.promote ? `Release ${release.number} answers now` : `Release ${release.number} is imported as a candidate`)
        emit('imported', release)
      } finally { share.value = null }
    })
    const close = () => { stopping?.abort(); emit('close') }
    const drop = (event) => { event.preventDefault(); isOver.value = false; take(event.dataTransfer.files[0]) }
    const over = (event) => { event.preventDefault(); isOver.value = true }

    const chosen = () => html`<div class="card stack tight">
      <div class="row">
        <${Icon} name="file" />
        <span class="strong grow wrap">${file.value.name}</span>
        <span class="small muted nowrap">${bytes(file.value.size)}</span>
        ${!sending.isBusy && html`<button type="button" class="button quiet icon-only tight"
          aria-label=${`Leave out ${file.value.name}`} onClick=${() => { file.value = null }}>
          <${Icon} name="close" />
        </button>`}
      </div>
      ${share.value !== null && html`<div class="row">
        <div class="grow"><${Bar} value=${share.value} label=${`Uploading ${file.value.name}`} /></div>
        <span class="small muted number">${share.value < 1 ? percent(share.value) : 'Checking it …'}</span>
      </div>`}
    </div>`
    return () => html`<${Modal} title="Import a release" isForm onClose=${close} onSubmit=${sending.run}>${{
      default: () => html`<div class="stack loose">
        <div class="stack tight">
          <div>
            <${Segments} label="What is in the file" options=${kinds} modelValue=${form.kind}
              ...${{ 'onUpdate:modelValue': (kind) => { form.kind = kind } }} />
          </div>
          <p class="small muted">${words[form.kind]}</p>
        </div>
        ${file.value
          ? chosen()
          : html`<div class=${['drop', isOver.value && 'is-over']} onDragover=${over}
            onDragleave=${() => { isOver.value = false }} onDrop=${drop}>
            <${Icon} name="upload" />
            <p class="strong">Drop the file here</p>
            <button type="button" class="button" onClick=${() => input.value.click()}>Choose a file</button>
          </div>`}
        <input ref=${input} type="file" hidden accept=".tar,.zip,.gguf" aria-label="Choose a file"
          onChange=${(event) => { take(event.target.files[0]); event.target.value = '' }} />
        ${form.kind === 'adapter' && html`<${Field} label="Base model" hint="What the adapter was trained on."
          error=${sending.error?.field?.('base_model')}>${{
          default: (control) => html`<select class="select" ...${control} ...${choice(form, 'base_model')}>
            <option value="">The default one</option>
            ${models.data?.map((one) => html`<option key=${one.name} value=${one.name}>${one.name}</option>`)}
          </select>`,
        }}</>`}
        <div class="stack tight">
          <label class="check">
            <input ...${checked(form, 'promote')} />
            <span>It answers at once<br /><span class="tiny muted">Otherwise it is a candidate.</span></span>
          </label>
          ${form.kind === 'release' && html`<label class="check">
            <input ...${checked(form, 'apply_settings')} />
            <span>
              Apply its settings<br />
              <span class="tiny muted">
                System prompt, sampling and pipeline it was made with, in place of the minion's.
              </span>
            </span>
          </label>`}
        </div>
        <${ErrorNote} error=${sending.error ?? models.error} fields=${['base_model']} />
      </div>`,
      foot: () => html`
        <button type="button" class="button" onClick=${close}>Cancel</button>
        <button class="button primary" disabled=${sending.isBusy || !file.value}>
          ${sending.isBusy ? 'Importing …' : 'Import it'}
        </button>
      `,
    }}</>`
  },
}
