import { html } from '../lib/html.js'
import { get } from '../lib/api.js'
import { ago } from '../lib/format.js'
import { every, resource } from '../lib/resource.js'
import { EmptyState, Loaded } from './Basics.js'

const isTime = (name) => name.endsWith('_at')
const words = (name) => name.replace(/_at$/, '').replaceAll('_', ' ')

/** The processes that take jobs, as they report themselves. */
export const AdminWorkers = {
  setup() {
    const workers = resource(async () => (await get('/api/admin/workers')).items)
    every(5000, workers.reload)
    return () => html`<${Loaded} of=${workers}>${workers.data?.length ? html`<ul class="cards">${workers.data.map((worker) => html`<li class="card stack tight" key=${worker.id}>
      <h2 class="wrap">${worker.name ?? worker.id}</h2><dl class="facts">${Object.entries(worker).filter(([name, value]) => !['id', 'name'].includes(name) && value !== null && typeof value !== 'object').map(([name, value]) => html`<div key=${name}><dt>${words(name)}</dt><dd>${isTime(name) ? ago(value) : String(value)}</dd></div>`)}</dl></li>`)}</ul>`
      : html`<div class="card"><${EmptyState} icon="admin" title="No worker reports itself"><p>The server takes jobs itself, unless it is told not to.</p></></div>`}</>`
  },
}
