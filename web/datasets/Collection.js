import { ref } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { get, mine, remove } from '../lib/api.js'
import { confirm } from '../lib/confirm.js'
import { bytes, count, when } from '../lib/format.js'
import { action, every, resource } from '../lib/resource.js'
import { go } from '../lib/router.js'
import { toast } from '../lib/toasts.js'
import { ErrorNote, Facts, Loaded, Note, PageHead } from '../shared/Basics.js'
import { CollectionSearch } from './CollectionSearch.js'
import { DocumentDrawer } from '../shared/DocumentDrawer.js'
import { Icon } from '../shared/Icon.js'

const PAGE = 100

export const Collection = {
  props: { id: String },
  setup(props) {
    const path = mine(`collections/${props.id}`)
    const collection = resource(() => get(path))
    const from = ref(0)
    const documents = resource(async () => (await get(`${path}/documents`, { limit: PAGE, offset: from.value })).items)
    const opened = ref(null)
    every(4000, () => { if (collection.data?.building_version) { collection.reload(); documents.reload() } })
    const turn = (by) => { from.value += by; documents.reload() }
    const deleting = action(async () => {
      if (!(await confirm({
        title: 'Delete this collection?',
        text: 'Its index and texts are deleted. Releases that used it answer without passages from then on. This cannot be undone.',
        verb: 'Delete',
      }))) return
      await remove(path)
      toast('The collection is deleted')
      go('datasets?show=collections')
    })
    return () => {
      const one = collection.data
      document.title = 'Collection · Atelier'
      return html`<div class="page">
        <${PageHead} title=${one?.name ?? 'Collection'}
          back=${{ href: '#/datasets?show=collections', text: 'Collections' }}>
          <button class="button danger" onClick=${deleting.run}><${Icon} name="trash" /> Delete</button>
        </>
        <${Loaded} of=${collection}>
          ${one && html`<div class="stack loose">
            <${ErrorNote} error=${deleting.error} />
            <${Facts} items=${[
                ['Documents', count(one.document_count)],
                ['Chunks', count(one.chunk_count)],
                ['Version', one.version],
                ['Size', bytes(one.bytes)],
                ['Embedder', `${one.embedder}, ${one.dimension} dimensions`],
                ['Changed', when(one.updated_at)],
              ]} />
            ${one.building_version && html`<${Note}>
              Version ${one.building_version} is being
              built. ${one.version
                ? `Version ${one.version} answers until it is complete.`
                : 'You can search what is there.'}
            </>`}
            <${CollectionSearch} collection=${one} />
            <section class="card flush">
              <div class="card-head"><h2>Documents</h2></div>
              <div style="padding: 0 0.4rem">
                <${Loaded} of=${documents}>
                  <div class="scroll-x" tabindex="0" role="region" aria-label="Documents">
                    <table>
                      <thead>
                        <tr>
                          <th scope="col">Name</th>
                          <th scope="col" class="number">Chunks</th>
                          <th scope="col" class="number">Tokens</th>
                          <th scope="col">Kind</th>
                          <th scope="col">Date</th>
                        </tr>
                      </thead>
                      <tbody>
                        ${documents.data?.map((doc) => html`<tr key=${doc.name}>
                          <td class="wrap">
                            <button class="button quiet tight" style="white-space: normal; text-align: start"
                              onClick=${() => { opened.value = { document: doc.name, title: doc.title } }}>
                              ${doc.title || doc.name}
                            </button>
                          </td>
                          <td class="number">${count(doc.chunks)}</td>
                          <td class="number">${count(doc.tokens ?? 0)}</td>
                          <td class="small">${doc.kind ?? ''}</td>
                          <td class="small">${doc.date ?? ''}</td>
                        </tr>`)}
                      </tbody>
                    </table>
                  </div>
                </>
              </div>
              ${(from.value > 0 || documents.data?.length === PAGE) && html`<div class="row"
                style="padding: 0.6rem 1.15rem">
                <button class="button tight" disabled=${from.value === 0} onClick=${() => turn(-PAGE)}>Previous</button>
                <button class="button tight" disabled=${(documents.data?.length ?? 0) < PAGE}
                  onClick=${() => turn(PAGE)}>
                  Next
                </button>
              </div>`}
            </section>
            ${opened.value && html`<${DocumentDrawer} collectionId=${one.id} passage=${opened.value}
              onClose=${() => { opened.value = null }} />`}
          </div>`}
        </>
      </div>`
    }
  },
}
