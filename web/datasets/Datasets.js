import { ref } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { get, mine } from '../lib/api.js'
import { trainableNote } from '../lib/examples.js'
import { ago, bytes, count, plural } from '../lib/format.js'
import { pages } from '../lib/resource.js'
import { route } from '../lib/router.js'
import { toast } from '../lib/toasts.js'
import { EmptyState, Loaded, LoadMore, PageHead, Tabs } from '../shared/Basics.js'
import { DatasetUpload } from '../shared/DatasetUpload.js'
import { Icon } from '../shared/Icon.js'

const kinds = { jsonl: ['voice', 'example'], rag: ['book', 'document'], custom: ['file', 'item'] }

export const Datasets = {
  setup() {
    document.title = 'Data · Atelier'
    const datasets = pages((cursor) => get(mine('training-datasets'), { limit: 50, cursor }))
    const collections = pages((cursor) => get(mine('collections'), { limit: 50, cursor }))
    const minions = pages(() => get(mine('minions'), { limit: 100 }))
    const filter = ref('')
    function uploaded(dataset) {
      toast(`${dataset.dataset_name}: ${plural(dataset.sample_count, kinds[dataset.dataset_type][1])}${trainableNote(dataset)}`)
      datasets.reload()
    }
    const shown = () => datasets.items.filter((one) => one.dataset_name.toLowerCase().includes(filter.value.toLowerCase()))

    const dataset = (one) => html`<li key=${one.id}>
      <${Icon} name=${kinds[one.dataset_type][0]} />
      <div class="grow">
        <a class="title" href=${`#/datasets/${one.id}`}>${one.dataset_name}</a>
        <p class="small muted wrap">
          ${plural(one.sample_count, kinds[one.dataset_type][1])}${trainableNote(one)}, ${bytes(one.bytes)}
          ${one.version > 1 ? `, version ${one.version}` : ''}
        </p>
      </div>
      ${one.metadata.problems?.length > 0 && html`<span class="badge warn">${plural(one.metadata.problems.length, 'file')} left out</span>`}
      ${!one.is_active && html`<span class="badge">Switched off</span>`}
      <span class="small muted nowrap">${ago(one.updated_at)}</span>
    </li>`

    const collection = (one) => {
      const owner = minions.items.find((minion) => minion.id === one.minion_id)
      return html`<li key=${one.id}>
        <${Icon} name="book" />
        <div class="grow">
          <a class="title" href=${`#/collections/${one.id}`}>
            ${owner ? `What ${owner.display_name} knows` : one.name}
          </a>
          <p class="small muted wrap">
            ${plural(one.document_count, 'document')}, ${plural(one.chunk_count, 'chunk')}, ${bytes(one.bytes)}
          </p>
        </div>
        ${one.building_version
          ? html`<span class="badge run">Building version ${one.building_version}</span>`
          : html`<span class="badge">Version ${one.version}</span>`}
        <span class="small muted nowrap">${ago(one.updated_at)}</span>
      </li>`
    }

    const files = () => html`<div class="stack">
      <${DatasetUpload} onUploaded=${uploaded} />
      <${Loaded} of=${datasets} what="Looking for datasets">
        ${datasets.items.length
          ? html`<section class="card flush">
              <div class="card-head row">
                <h2 class="grow">Files</h2>
                <input class="input" style="max-width: 16rem" type="search" aria-label="Filter by name"
                  placeholder="Filter by name" value=${filter.value}
                  onInput=${(event) => { filter.value = event.target.value }} />
              </div>
              <ul class="list">${shown().map(dataset)}</ul>
              ${shown().length === 0 && html`<p class="empty">No name contains “${filter.value}”.</p>`}
              <${LoadMore} list=${datasets} />
            </section>`
          : html`<div class="card">
            <${EmptyState} icon="datasets" title="No data yet">
              <p>
                A voice needs some dozens of questions with replies that sound right. Knowledge needs the documents
                themselves.
              </p>
              <a class="button" href="#/training">Train a minion</a>
            </>
          </div>`}
      </>
    </div>`

    const indexed = () => html`<${Loaded} of=${collections} what="Looking for collections">
      ${collections.items.length
        ? html`<ul class="list card flush">${collections.items.map(collection)}</ul><${LoadMore} list=${collections} />`
        : html`<div class="card">
          <${EmptyState} icon="book" title="Nothing is indexed yet">
            <p>A training with documents makes one collection for each minion. You can search it here.</p>
            <a class="button primary" href="#/training?new"><${Icon} name="training" /> Train with documents</a>
          </>
        </div>`}
    </>`

    return () => {
      const tab = route.query.show === 'collections' ? 'collections' : 'files'
      return html`<div class="page">
        <${PageHead} title="Data"
          text="What minions learn from: files you give, and collections that training makes of documents." />
        <${Tabs} label="Data" current=${tab}
          items=${[
            { id: 'files', name: 'Files', href: '#/datasets' },
            { id: 'collections', name: 'Collections', href: '#/datasets?show=collections' },
          ]} />
        ${tab === 'files' ? files() : indexed()}
      </div>`
    }
  },
}
