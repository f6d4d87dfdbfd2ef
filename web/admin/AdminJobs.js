import { html } from '../lib/html.js'
import { get, post } from '../lib/api.js'
import { ago, percent } from '../lib/format.js'
import { isActive, types } from '../lib/jobs.js'
import { action, every, pages, resource } from '../lib/resource.js'
import { toast } from '../lib/toasts.js'
import { EmptyState, ErrorNote, Loaded, LoadMore, StatusBadge } from '../shared/Basics.js'

/** Everybody's jobs; a running one can be stopped. */
export const AdminJobs = {
  setup() {
    const jobs = pages((cursor) => get('/api/admin/jobs', { limit: 50, cursor }))
    const users = resource(async () => new Map((await get('/api/admin/users', { limit: 100 })).items.map((one) => [one.id, one.email])))
    every(5000, () => { if (jobs.items.length <= 50) jobs.reload() })
    const stopping = action(async (job) => {
      await post(`/api/users/${job.user_id}/external-training/jobs/${job.id}/stop`)
      jobs.reload()
      toast(`${job.job_name} is stopped`)
    })
    return () => html`<${Loaded} of=${jobs}>
      <${ErrorNote} error=${stopping.error} />
      ${jobs.items.length === 0
        ? html`<div class="card"><${EmptyState} icon="training" title="No jobs" /></div>`
        : html`<div class="card flush scroll-x" tabindex="0" role="region" aria-label="All jobs">
          <table>
            <thead>
              <tr>
                <th scope="col">Job</th>
                <th scope="col">Of</th>
                <th scope="col">State</th>
                <th scope="col">Worker</th>
                <th scope="col">Changed</th>
                <th scope="col"><span class="hidden">What can be done</span></th>
              </tr>
            </thead>
            <tbody>
              ${jobs.items.map((job) => html`<tr key=${job.id}>
                <th scope="row" class="wrap">
                  <span style="color: var(--ink)">${job.job_name}</span>
                  <div class="small">${types[job.training_type]?.name ?? job.training_type}</div>
                </th>
                <td class="wrap small">${users.data?.get(job.user_id) ?? job.user_id}</td>
                <td><${StatusBadge} status=${job.status} />${isActive(job) ? ` ${percent(job.progress)}` : ''}</td>
                <td class="small wrap">${job.worker ?? ''}</td>
                <td class="nowrap small">${ago(job.updated_at)}</td>
                <td>
                  ${isActive(job) && html`<button class="button tight" disabled=${stopping.isBusy}
                    onClick=${() => stopping.run(job)}>
                    Stop
                  </button>`}
                </td>
              </tr>`)}
            </tbody>
          </table>
          <${LoadMore} list=${jobs} />
        </div>`}
    </>`
  },
}
