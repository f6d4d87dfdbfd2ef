// When and how a job is run: what the API calls its plan, and the words for it.
import { given } from './forms.js'
import { when } from './format.js'

/** Times that many want, by their cron expression; any other is written by hand. */
export const repeats = {
  '0 3 * * *': 'Every night at 3:00',
  '0 3 * * mon': 'Every Monday at 3:00',
  '0 3 1 * *': 'On the first of the month at 3:00',
}
export const OWN = 'own'

const ownZone = () => Intl.DateTimeFormat().resolvedOptions().timeZone

/** A form for a job's plan, as the job has it. */
export const planForm = (job) => ({
  begin: '', run_at: '', repeat: !job?.schedule ? '' : repeats[job.schedule.cron] ? job.schedule.cron : OWN,
  cron: job?.schedule?.cron ?? '',
  time_zone: job?.schedule?.time_zone ?? ownZone(), retrain_on_change: job?.retrain_on_change ?? false,
  hold_release: false,
  priority: job?.priority || null, max_attempts: job?.retry?.max_attempts ?? null,
  backoff_seconds: job?.retry?.backoff_seconds ?? null,
})

/** What a control for a local time holds, as an instant; null while it is empty. */
export const instant = (local) => (local ? new Date(local).toISOString() : null)

/** What is sent of a plan's form. */
export function planOf(form) {
  const cron = form.repeat === OWN ? form.cron.trim() : form.repeat
  const retry = given({ max_attempts: form.max_attempts, backoff_seconds: form.backoff_seconds })
  return {
    priority: form.priority ?? 0, schedule: form.repeat ? { cron, time_zone: form.time_zone } : null,
    retrain_on_change: form.retrain_on_change,
    ...(Object.keys(retry).length && { retry }),
  }
}

/** What is sent of how a new job begins. */
export const beginOf = (form) => ({
  start: form.begin !== 'later', ...(form.begin === 'at' && { run_at: instant(form.run_at) }),
  ...(form.hold_release && { hold_release: true }),
})

export const PLAN_FIELDS = [
  'run_at',
  'schedule',
  'schedule.cron',
  'schedule.time_zone',
  'priority',
  'retry.max_attempts',
  'retry.backoff_seconds',
]

/** What a job waits for, in a few words. */
export function waitsFor(job) {
  if (job.status === 'QUEUED' && job.run_at && new Date(job.run_at) > Date.now()) return `Waits until ${when(job.run_at)}`
  if (job.next_run_at) return `Runs again ${when(job.next_run_at)}`
  return job.retrain_on_change ? 'Runs again when its data changes' : ''
}
