import { html } from '../../lib/html.js'
import { get, mine } from '../../lib/api.js'
import { bytes, when } from '../../lib/format.js'
import { resource } from '../../lib/resource.js'
import { Facts, Loaded } from '../Basics.js'
import { DownloadButton } from './DownloadButton.js'
import { Icon } from '../Icon.js'

/** A release as files: whole for another server, its adapter for other programs. */
export const ReleaseExport = {
  props: { release: Object },
  setup(props) {
    const { release } = props
    const name = `release-${release.number}`
    const path = mine(`adapters/${release.adapter_id}`)
    const adapter = resource(() => get(path), { immediate: false })
    const open = (event) => { if (event.target.open && release.adapter_id) adapter.reload() }
    const facts = (one) => [
      ['Base model', one.base_model],
      ['Rank', one.rank],
      ['Size', bytes(one.bytes)],
      ['From', one.job_id ? 'a training here' : 'elsewhere'],
      ['Made', when(one.created_at)],
    ]
    return () => html`<details class="fold" onToggle=${open}>
      <summary><${Icon} name="right" /> Export</summary>
      <div class="stack loose">
        <section class="stack tight">
          <h3>The whole release</h3>
          <p class="small muted">
            For another Atelier: adapter, documents and settings in one tar; no key, token or user. Keep it like the
            data it was made from.
          </p>
          <${DownloadButton} path=${mine(`minions/${release.minion_id}/releases/${release.id}/archive`)}
            name=${`${name}.tar`} label="Archive" />
        </section>
        ${release.adapter_id && html`<section class="stack tight">
          <h3>The adapter</h3>
          <${Loaded} of=${adapter}>${adapter.data && html`<${Facts} items=${facts(adapter.data)} />`}</>
          <div class="row wrap-row top">
            <${DownloadButton} path=${`${path}/peft`} name=${`${name}-peft.zip`} label="PEFT folder" />
            <${DownloadButton} path=${`${path}/gguf`} name=${`${name}.gguf`} label="GGUF" />
          </div>
          <p class="small muted">Or merged into its base model, as a model of its own; that takes a moment.</p>
          <div class="row wrap-row top">
            <${DownloadButton} path=${`${path}/merged`} query=${{ format: 'hf' }} name=${`${name}-merged.zip`}
              label="Hugging Face folder" />
            <${DownloadButton} path=${`${path}/merged`} query=${{ format: 'gguf' }} name=${`${name}-merged.gguf`}
              label="Merged GGUF" />
          </div>
        </section>`}
      </div>
    </details>`
  },
}
