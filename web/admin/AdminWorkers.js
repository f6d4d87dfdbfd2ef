import { html } from '../lib/html.js'
import { get } from '../lib/api.js'
import { ago, count } from '../lib/format.js'
import { every, resource } from '../lib/resource.js'
import { EmptyState, Facts, Loaded } from '../shared/Basics.js'

/** The processes that take jobs, as they report themselves. */
export const AdminWorkers = {
  setup() {
    const workers = resource(async () => (await get('/api/admin/workers')).items)
    every(5000, workers.reload)
    const card = (worker) => html`<li class="card stack tight" key=${worker.name}>
      <div class="row">
        <h2 class="grow wrap">${worker.host}</h2>
        <span class=${['badge', worker.is_alive ? 'ok' : 'bad']}>
          <i class="dot"></i>
          ${worker.is_alive ? 'at work' : 'not seen'}
        </span>
      </div>
      <${Facts} items=${[
          ['Process', `${worker.kind} ${worker.pid}`],
          ['Jobs', `${count(worker.running_jobs.length)} of ${count(worker.job_slots)} at once`],
          ['Since', ago(worker.started_at)],
          ['Last seen', ago(worker.last_seen_at)],
        ]} />
    </li>`
    return () => html`<${Loaded} of=${workers}>
      ${workers.data?.length
        ? html`<ul class="cards">${workers.data.map(card)}</ul>`
        : html`<div class="card">
          <${EmptyState} icon="admin" title="No worker reports itself">
            <p>The server runs jobs itself, unless its settings say otherwise.</p>
          </>
        </div>`}
    </>`
  },
}
