import { ref } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { get, mine, put, remove, upload } from '../lib/api.js'
import { confirm } from '../lib/confirm.js'
import { bytes, count, percent, plural, when } from '../lib/format.js'
import { action, resource } from '../lib/resource.js'
import { go } from '../lib/router.js'
import { fieldsInWords, leftOutInWords } from '../lib/examples.js'
import { toast } from '../lib/toasts.js'
import { ErrorNote, Facts, Loaded, Note, PageHead } from '../shared/Basics.js'
import { DatasetPreview } from './DatasetPreview.js'
import { DatasetProblems } from '../shared/DatasetProblems.js'
import { Icon } from '../shared/Icon.js'
import { TokenHistogram } from './TokenHistogram.js'

const modes = { replace: 'Replace the content', append: 'Append', merge: 'Add only what is new' }

/** What was found in the files, each with what to do about it where that is known. */
const notes = (sentences, details) => sentences.map((text, index) => html`<li>
  ${text}
  ${details?.[index]?.hint && html` <span class="muted">${details[index].hint}</span>`}
</li>`)

export const Dataset = {
  props: { id: String },
  setup(props) {
    const path = mine(`training-datasets/${props.id}`)
    const dataset = resource(() => get(path))
    const report = resource(() => get(`${path}/report`).catch((error) => { if (error.status === 404) return null; throw error }))
    const versions = resource(async () => (await get(`${path}/versions`)).items)
    const share = ref(null)
    const input = ref(null)
    const mode = ref('replace')
    const sent = ref(null)
    const change = action(async (fields) => { dataset.data = await put(path, fields); toast('Saved') })
    const replacing = action(async (file) => {
      share.value = 0
      try {
        const { dataset: changed, outcome } = await upload('PUT', `${path}/content`, {
          mode: mode.value,
          file_name: file.name,
        }, file, (value) => { share.value = value })
        dataset.data = changed
        report.reload()
        versions.reload()
        toast(
          outcome?.added !== undefined
            ? `${plural(outcome.added, 'example')} added, ${outcome.same ?? 0} were there already`
            : 'The content is replaced',
        )
      } finally { share.value = null }
    })
    const deleting = action(async () => {
      const name = dataset.data.dataset_name
      if (!(await confirm({
        title: `Delete ${name}?`,
        text: 'The file is deleted. What was trained from it stays. To keep it from new trainings only, switch it off instead.',
        verb: 'Delete',
      }))) return
      await remove(path)
      toast(`${name} is deleted`)
      go('datasets')
    })
    const send = (file) => { sent.value = file; replacing.run(file) }
    const isExamples = () => dataset.data.dataset_type === 'jsonl'

    const found = () =>
      report.data && html`<section class="card stack">
        <h2>What was found</h2>
        <${Facts} items=${[
            ['Examples', count(report.data.examples)],
            ['Replies to learn', count(report.data.replies)],
            ['Repeated', count(report.data.duplicates)],
            ['Format', report.data.layout.format.replaceAll('_', ' ')],
            [
              'Languages',
              report.data.languages
                .slice(0, 4)
                .map((one) => `${one.language} ${percent(one.examples / Math.max(1, report.data.examples))}`)
                .join(', '),
            ],
            report.data.redactions ? ['Overwritten', count(report.data.redactions)] : null,
          ]} />
        ${report.data.trainable < report.data.examples && html`<${Note} kind="warn" icon="warn">
          Training takes ${count(report.data.trainable)} of ${plural(report.data.examples, 'example')}. Left
          out: ${leftOutInWords(report.data.left_out)}.
        </>`}
        ${Object.keys(report.data.fields_left_out ?? {}).length > 0 && html`<${Note} kind="warn" icon="warn">
          Training does not read these fields: ${fieldsInWords(report.data.fields_left_out)}.
        </>`}
        <${TokenHistogram} tokens=${report.data.tokens} />
        ${report.data.tokens.over_long > 0 && html`<${Note} kind="warn" icon="warn">
          ${plural(report.data.tokens.over_long, 'example')} are longer than training reads by default.
        </>`}
        ${report.data.warning_count > 0 && html`<details class="fold">
          <summary><${Icon} name="right" /> ${plural(report.data.warning_count, 'warning')}</summary>
          <ul class="card flush">
            ${report.data.warnings.map((one) => html`<li class="problem">
              <p class="small wrap">
                <span class="badge warn">
                  ${one.line ? `Line ${one.line}` : 'File'}
                </span> ${one.message} <span class="muted">${one.hint}</span>
              </p>
            </li>`)}
          </ul>
        </details>`}
      </section>`

    const contents = () => html`<section class="card stack">
      <h2>Change the content</h2>
      ${isExamples() && html`<div class="row wrap-row">
        ${Object.entries(modes).map(([id, name]) => html`<label class="check">
          <input type="radio" name="mode" checked=${mode.value === id} onChange=${() => { mode.value = id }} />
          <span>${name}</span>
        </label>`)}
      </div>`}
      <div class="row">
        <button class="button" disabled=${replacing.isBusy} onClick=${() => input.value.click()}>
          <${Icon} name="upload" /> ${replacing.isBusy ? `Sending ${percent(share.value ?? 0)}` : 'Choose a file'}
        </button>
      </div>
      <input ref=${input} type="file" hidden aria-label="Choose a file"
        onChange=${(event) => { if (event.target.files[0]) send(event.target.files[0]); event.target.value = '' }} />
      ${replacing.error?.code === 'dataset_invalid'
        ? html`<${DatasetProblems} error=${replacing.error} file=${sent.value}
            onCorrected=${(blob) => send(new File([blob], sent.value.name))} />`
        : html`<${ErrorNote} error=${replacing.error} />`}
      ${versions.data?.length > 0 && html`<div class="stack tight">
        <h3>Versions</h3>
        <ul class="list card flush compact">
          ${versions.data.map((one) => html`<li key=${one.number}>
            <span class="badge">${one.number}</span>
            <span class="grow small">${one.change}, ${bytes(one.bytes)}, ${count(one.sample_count)} in it</span>
            <span class="small muted">${when(one.created_at)}</span>
          </li>`)}
        </ul>
      </div>`}
      ${isExamples() && html`<div class="stack tight">
        <h3>Export</h3>
        <div class="row wrap-row">
          ${[
            ['openai_chat', 'jsonl'],
            ['sharegpt', 'json'],
            ['alpaca', 'json'],
            ['prompt_completion', 'csv'],
          ].map(([format, encoding]) => html`<a class="button tight"
            href=${`${path}/export?format=${format}&encoding=${encoding}`}
            download=${`${dataset.data.dataset_name}.${encoding}`}>
            ${format.replaceAll('_', ' ')} · ${encoding}
          </a>`)}
        </div>
      </div>`}
    </section>`

    return () => {
      const one = dataset.data
      document.title = `${one?.dataset_name ?? 'Dataset'} · Atelier`
      return html`<div class="page">
        <${PageHead} title=${one?.dataset_name ?? 'Dataset'} text=${one?.metadata.description}
          back=${{ href: '#/datasets', text: 'Data' }}>
          ${one && html`
            <label class="check">
              <input type="checkbox" role="switch" checked=${one.is_active}
                onChange=${(event) => change.run({ is_active: event.target.checked })} />
              <span>For new trainings</span>
            </label>
            <button class="button danger" onClick=${deleting.run}><${Icon} name="trash" /> Delete</button>
          `}
        </>
        <${Loaded} of=${dataset}>
          ${one && html`<div class="stack loose">
            <${ErrorNote} error=${deleting.error ?? change.error} />
            <${Facts} items=${[
                [
                  'Kind',
                  one.dataset_type === 'rag'
                    ? 'Documents'
                    : one.dataset_type === 'jsonl' ? 'Examples of a voice' : 'Custom',
                ],
                ['Entries', count(one.sample_count)],
                ['Size', bytes(one.bytes)],
                ['Version', one.version],
                ['SHA-256', html`<code title=${one.sha256}>${one.sha256.slice(0, 12)}</code>`],
                ['Changed', when(one.updated_at)],
              ]} />
            ${one.metadata.problems?.length > 0 && html`<${Note} kind="warn" icon="warn">
              These files could not be read:<ul>${notes(one.metadata.problems, one.metadata.problem_details)}</ul>
            </>`}
            ${one.metadata.warnings?.length > 0 && html`<${Note} kind="warn" icon="warn">
              Left out or changed while reading:<ul>${notes(one.metadata.warnings, one.metadata.warning_details)}</ul>
            </>`}
            ${isExamples() && found()}
            ${isExamples() && html`<section class="card stack">
              <h2>As training sees it</h2>
              <${DatasetPreview} key=${one.version} id=${props.id} />
            </section>`}
            ${contents()}
          </div>`}
        </>
      </div>`
    }
  },
}
