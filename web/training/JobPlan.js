import { reactive, ref } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { mine, put } from '../lib/api.js'
import { when } from '../lib/format.js'
import { isActive } from '../lib/jobs.js'
import { PLAN_FIELDS, planForm, planOf, repeats } from '../lib/plan.js'
import { action } from '../lib/resource.js'
import { toast } from '../lib/toasts.js'
import { ErrorNote, Facts } from '../shared/Basics.js'
import { JobRuns } from './JobRuns.js'
import { Modal } from '../shared/Modal.js'
import { TrainingPlan } from './TrainingPlan.js'

const causes = { schedule: 'its schedule', dataset_change: 'changed data' }

const JobPlanForm = {
  props: { job: Object },
  emits: ['saved', 'close'],
  setup(props, { emit }) {
    const form = reactive(planForm(props.job))
    const saving = action(async () => emit('saved', await put(mine(`external-training/jobs/${props.job.id}`), planOf(form))))
    return () => html`<${Modal} title="When it runs" kind="large" isForm onClose=${() => emit('close')}
      onSubmit=${saving.run}>${{
      default: () => html`
        <${TrainingPlan} form=${form} error=${saving.error} />
        <${ErrorNote} error=${saving.error} fields=${PLAN_FIELDS} />
      `,
      foot: () => html`<button type="button" class="button" onClick=${() => emit('close')}>Cancel</button>
        <button class="button primary" disabled=${saving.isBusy}>${saving.isBusy ? 'Saving …' : 'Save'}</button>`,
    }}</>`
  },
}

/** When and how a job is run: what is due, and how to change or end it. Emits `changed` with the server's job. */
export const JobPlan = {
  props: { job: Object },
  emits: ['changed'],
  setup(props, { emit }) {
    const isOpen = ref(false)
    const write = (fields) => put(mine(`external-training/jobs/${props.job.id}`), fields)
    const ending = action(async () => {
      const { schedule = null, retrain_on_change } = props.job
      emit('changed', await write({ schedule: null, retrain_on_change: false }))
      toast('It no longer runs by itself', { undo: { label: 'Undo', act: () => restoring.run({ schedule, retrain_on_change }) } })
    })
    const restoring = action(async (fields) => emit('changed', await write(fields)))
    const close = () => { isOpen.value = false }
    const saved = (job) => { close(); emit('changed', job); toast('Saved') }
    const facts = ({ schedule, next_run_at: next, retrain_on_change: isWatching, run_at: runAt, priority, retry, status, origin }) => [
      origin && ['A run of', html`<a href=${`#/training/${origin.job_id}`}>another job</a>, by ${causes[origin.cause] ?? origin.cause}`],
      runAt && status === 'QUEUED' && ['Not before', when(runAt)],
      [
        'Repeats',
        schedule
          ? html`
              <span title=${schedule.cron}>${repeats[schedule.cron] ?? schedule.cron}</span>, ${schedule.time_zone
                ?? 'UTC'}
            `
          : 'never',
      ],
      next && ['Next run', when(next)], ['When its data changes', isWatching ? 'runs again' : 'nothing'],
      ['Priority', priority ?? 0],
      retry && ['Tries', `${retry.max_attempts}, ${retry.backoff_seconds} s apart and growing`],
    ]
    return () => {
      const { job } = props
      return html`<section class="card stack" aria-label="When it runs">
        <div class="row between wrap-row top">
          <h2>When it runs</h2>
          ${isActive(job)
            ? html`<p class="small muted">Can be changed when it has ended.</p>`
            : html`<div class="row wrap-row">
              ${(job.schedule || job.retrain_on_change) && html`<button class="button" disabled=${ending.isBusy}
                onClick=${ending.run}>
                End the repeats
              </button>`}
              <button class="button" onClick=${() => { isOpen.value = true }}>Change</button>
            </div>`}
        </div>
        <${Facts} items=${facts(job)} />
        <${ErrorNote} error=${ending.error ?? restoring.error} />
        <${JobRuns} key=${job.id} job=${job} />
        ${isOpen.value && html`<${JobPlanForm} job=${job} onSaved=${saved} onClose=${close} />`}
      </section>`
    }
  },
}
