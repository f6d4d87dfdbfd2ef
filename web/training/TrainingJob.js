import { computed, ref, watch } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { get, mine, post, remove } from '../lib/api.js'
import { confirm } from '../lib/confirm.js'
import { when } from '../lib/format.js'
import { isActive, types } from '../lib/jobs.js'
import { action, every, resource } from '../lib/resource.js'
import { go } from '../lib/router.js'
import { toast } from '../lib/toasts.js'
import { ErrorNote, Facts, Loaded, PageHead, StatusBadge } from '../shared/Basics.js'
import { Icon } from '../shared/Icon.js'
import { JobPlan } from './JobPlan.js'
import { ReleaseHistory } from '../shared/releases/ReleaseHistory.js'
import { StartLater } from './StartLater.js'
import { TrainingProgress } from './TrainingProgress.js'

export const TrainingJob = {
  props: { id: String },
  setup(props) {
    const path = mine(`external-training/jobs/${props.id}`)
    const job = resource(() => get(path))
    const minion = resource(async () => (job.data ? get(mine(`minions/${job.data.minion_id}`)) : null), { immediate: false })
    watch(() => job.data?.minion_id, (id) => { if (id) minion.reload() })
    // The events tell what happens; the row tells what may be done now.
    every(5000, () => { if (job.data && (isActive(job.data) || job.data.next_run_at)) job.reload() })
    const over = () => { job.reload(); minion.reload() }
    const restarting = action(async () => {
      if (!(await confirm({
        title: 'Start from the beginning?',
        text: 'The work of earlier attempts is discarded, and the job starts with its first stage.',
        verb: 'Start from the beginning',
      }))) return
      job.data = await post(`${path}/restart`)
    })
    const isLater = ref(false)
    const starting = action(async () => { job.data = await post(`${path}/start`) })
    const stopping = action(async () => { job.data = await post(`${path}/stop`); toast('The job is stopped') })
    const deleting = action(async () => {
      if (!(await confirm({
        title: 'Delete this job?',
        text: 'Its log and curves are deleted; the release it made stays.',
        verb: 'Delete',
      }))) return
      await remove(path)
      go('training')
    })
    const settings = computed(() => Object
      .entries(job.data?.config ?? {})
      .filter(([, value]) => value !== null && typeof value !== 'object')
      .map(([name, value]) => [name.replaceAll('_', ' '), String(value)]))

    const buttons = (one) => html`
      ${isActive(one) && html`<button class="button" disabled=${stopping.isBusy} onClick=${stopping.run}>
        <${Icon} name="stop" /> ${stopping.isBusy ? 'Stopping …' : 'Stop'}
      </button>`}
      ${['FAILED', 'STOPPED'].includes(one.status) && html`<button class="button primary" disabled=${starting.isBusy}
        onClick=${starting.run}>
        <${Icon} name="retry" /> ${one.status === 'FAILED' ? 'Try again' : 'Go on'}
      </button>`}
      ${['FAILED', 'STOPPED'].includes(one.status) && html`<button class="button" disabled=${restarting.isBusy}
        onClick=${restarting.run}>
        Start from the beginning
      </button>`}
      ${['PENDING', 'FAILED', 'STOPPED'].includes(one.status) && html`<button class="button"
        onClick=${() => { isLater.value = true }}>
        At a time …
      </button>`}
      ${one.status === 'PENDING' && html`<button class="button primary" disabled=${starting.isBusy}
        onClick=${starting.run}>
        <${Icon} name="play" /> Start
      </button>`}
      ${!isActive(one) && html`<button class="button danger" onClick=${deleting.run}><${Icon} name="trash" /> Delete</button>`}
    `

    const failure = ({ error }) => html`<section class="note bad" role="alert">
      <${Icon} name="warn" />
      <div>
        <p class="strong">It failed in the step “${error.step}”.</p>
        <p>${error.message}</p>
        ${error.hint && html`<p><strong>What to do:</strong> ${error.hint}</p>`}
      </div>
    </section>`

    return () => {
      const one = job.data
      document.title = `${one?.job_name ?? 'Training'} · Atelier`
      return html`<div class="page">
        <${PageHead} title=${one?.job_name ?? 'Training'} back=${{ href: '#/training', text: 'Training' }}>
          ${one && buttons(one)}
        </>
        <${Loaded} of=${job}>
          ${one && html`<div class="stack loose">
            <div class="row wrap-row">
              <${StatusBadge} status=${one.status} />
              <span class="muted small">
                ${types[one.training_type].name} for ${' '}
                <a href=${`#/minions/${one.minion_id}`}>${minion.data?.display_name ?? 'its minion'}</a>
                ${one.started_at ? `, begun ${when(one.started_at)}` : ''}
                ${one.attempt > 1 ? `, attempt ${one.attempt}` : ''}
              </span>
            </div>
            <${ErrorNote} error=${starting.error ?? restarting.error ?? stopping.error ?? deleting.error} />
            ${one.status === 'FAILED' && one.error && failure(one)}
            <${TrainingProgress} key=${one.attempt + (isActive(one) ? 'a' : '')} job=${one} onOver=${over} />
            ${one.status === 'COMPLETED' && minion.data && html`<section class="stack">
              <h2>Result</h2>
              <${ReleaseHistory} key=${one.release_id} minion=${minion.data} shown=${one.release_id}
                onChanged=${minion.reload} />
            </section>`}
            <${JobPlan} job=${one} onChanged=${(changed) => { job.data = changed }} />
            ${isLater.value && html`<${StartLater} job=${one}
              onStarted=${(started) => { isLater.value = false; job.data = started }}
              onClose=${() => { isLater.value = false }} />`}
            <details class="fold">
              <summary><${Icon} name="right" /> Settings of this job</summary>
              <div class="card"><${Facts} items=${settings.value} /></div>
            </details>
          </div>`}
        </>
      </div>`
    }
  },
}
