import { watch } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { get, mine } from '../lib/api.js'
import { when } from '../lib/format.js'
import { isActive } from '../lib/jobs.js'
import { every, pages } from '../lib/resource.js'
import { ErrorNote, LoadMore, StatusBadge } from '../shared/Basics.js'

/** The runs that a job's schedule or changed data has started, newest first; nothing where there are none. */
export const JobRuns = {
  props: { job: Object },
  setup(props) {
    const runs = pages((cursor) => get(mine('external-training/jobs'), { origin: props.job.id, limit: 5, cursor }))
    // A run begins by itself: when the next time moves on, or at any moment where data is watched.
    watch(() => props.job.next_run_at, runs.reload)
    every(3000, () => { if (runs.items.length <= 5 && (props.job.retrain_on_change || runs.items.some(isActive))) runs.reload() })
    return () => html`
      <${ErrorNote} error=${runs.error} />
      ${runs.items.length > 0 && html`
        <h3>Its runs</h3>
        <ul class="list">
          ${runs.items.map((run) => html`<li key=${run.id}>
            <a class="title grow" href=${`#/training/${run.id}`}>${when(run.created_at)}</a>
            <${StatusBadge} status=${run.status} />
          </li>`)}
        </ul>
        <${LoadMore} list=${runs} />
      `}
    `
  },
}
