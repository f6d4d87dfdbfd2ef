import { html } from '../lib/html.js'
import { ago, percent } from '../lib/format.js'
import { isActive, stageNames, types } from '../lib/jobs.js'
import { waitsFor } from '../lib/plan.js'
import { Bar, StatusBadge } from '../shared/Basics.js'

/** A job in the list, to be picked for what is done to several. */
export const JobRow = ({ job, picked }, { emit }) => html`<li>
  <input type="checkbox" style="width: 1.05rem; height: 1.05rem; accent-color: var(--accent)"
    aria-label=${`Pick ${job.job_name}`} checked=${picked} onChange=${(event) => emit('pick', event.target.checked)} />
  <div class="grow stack tight">
    <div class="row wrap-row">
      <a class="title" href=${`#/training/${job.id}`}>${job.job_name}</a>
      <${StatusBadge} status=${job.status} />
    </div>
    <p class="small muted wrap">
      ${types[job.training_type].name}
      ${job.status === 'FAILED' && job.error
        ? `. ${job.error.step}: ${job.error.message}`
        : isActive(job) && job.stage ? `. ${stageNames[job.stage] ?? job.stage}` : ''}
      ${waitsFor(job) && `. ${waitsFor(job)}`}
    </p>
    ${isActive(job) && html`<div class="row">
      <div class="grow"><${Bar} value=${job.progress} label=${`Progress of ${job.job_name}`} /></div>
      <span class="tiny muted number">${percent(job.progress)}</span>
    </div>`}
  </div>
  <span class="small muted nowrap">${ago(job.updated_at)}</span>
</li>`
JobRow.props = ['job', 'picked']
JobRow.emits = ['pick']
