import { computed, reactive, watch } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { get, mine, post, remove } from '../lib/api.js'
import { choice, text } from '../lib/forms.js'
import { confirm } from '../lib/confirm.js'
import { plural } from '../lib/format.js'
import { isActive, statuses, types } from '../lib/jobs.js'
import { action, every, pages, resource } from '../lib/resource.js'
import { go, route, setQuery } from '../lib/router.js'
import { toast } from '../lib/toasts.js'
import { Avatar, EmptyState, ErrorNote, Loaded, LoadMore, PageHead } from '../shared/Basics.js'
import { ExternalTrainingModal } from './ExternalTrainingModal.js'
import { Icon } from '../shared/Icon.js'
import { JobRow } from './JobRow.js'

const orders = {
  newest: ['Newest first', (a, b) => b.created_at.localeCompare(a.created_at)],
  oldest: ['Oldest first', (a, b) => a.created_at.localeCompare(b.created_at)],
  name: ['By name', (a, b) => a.job_name.localeCompare(b.job_name)],
  status: ['By state', (a, b) => a.status.localeCompare(b.status)],
}

/** All training jobs, grouped by minion. */
export const ExternalTraining = {
  setup() {
    document.title = 'Training · Atelier'
    const view = reactive({ search: '', status: '', type: '', order: 'newest' })
    const jobs = pages((cursor) => get(mine('external-training/jobs'), { limit: 50, cursor, status: view.status }))
    watch(() => view.status, jobs.reload)
    const minions = resource(async () => new Map((await get(mine('minions'), { limit: 100 })).items.map((one) => [one.id, one])))
    const picked = reactive(new Set())
    // Only while something moves, and not where older pages are open, which a reload would close.
    every(3000, () => { if (jobs.items.length <= 50 && jobs.items.some(isActive)) jobs.reload() })

    const isFound = (job) =>
      `${job.job_name} ${minions.data?.get(job.minion_id)?.display_name ?? ''}`.toLowerCase().includes(view.search.toLowerCase())
    const shown = computed(() => jobs.items
      .filter((job) => (!view.status || job.status === view.status) && (!view.type || job.training_type === view.type) && isFound(job))
      .sort(orders[view.order][1]))
    const groups = computed(() => [...Map.groupBy(shown.value, (job) => job.minion_id)])
    const chosen = computed(() => jobs.items.filter((job) => picked.has(job.id)))
    const active = computed(() => chosen.value.filter(isActive))
    const ended = computed(() => chosen.value.filter((job) => !isActive(job)))

    async function each(list, act) {
      const failed = []
      for (const job of list) {
        try { await act(job); picked.delete(job.id) } catch (error) { failed.push(`${job.job_name}: ${error.message}`) }
      }
      await jobs.reload()
      if (failed.length) throw Object.assign(new Error(failed.join(' · ')), { details: [] })
    }
    const stopping = action(async () => {
      const list = active.value
      await each(list, (job) => post(mine(`external-training/jobs/${job.id}/stop`)))
      toast(`${plural(list.length, 'job')} stopped`, { undo: { label: 'Go on', act: () => starting.run(list) } })
    })
    const starting = action((list) => each(list, (job) => post(mine(`external-training/jobs/${job.id}/start`))))
    const deleting = action(async () => {
      const list = ended.value
      if (!(await confirm({
        title: `Delete ${plural(list.length, 'job')}?`,
        text: 'Their logs and curves are deleted; releases they made stay.',
        verb: 'Delete',
      }))) return
      await each(list, (job) => remove(mine(`external-training/jobs/${job.id}`)))
    })
    const open = () => go('training?new')
    const close = () => setQuery({ new: null })
    const made = (job) => go(`training/${job.id}`)

    const select = (name, label, options) => html`<select class="select" style="width: auto" aria-label=${label}
      ...${choice(view, name)}>
      ${options.map(([value, words]) => html`<option value=${value}>${words}</option>`)}
    </select>`
    const bulk = () =>
      chosen.value.length > 0 && html`<div class="row wrap-row note">
        <span class="grow">${plural(chosen.value.length, 'job')} picked</span>
        <button class="button tight" disabled=${!active.value.length || stopping.isBusy} onClick=${stopping.run}>
          <${Icon} name="stop" /> Stop ${active.value.length || ''}
        </button>
        <button class="button tight danger" disabled=${!ended.value.length || deleting.isBusy} onClick=${deleting.run}>
          <${Icon} name="trash" /> Delete ${ended.value.length || ''}
        </button>
        <button class="button tight quiet" onClick=${() => picked.clear()}>Pick none</button>
      </div>`

    const group = ([minionId, list]) => {
      const minion = minions.data?.get(minionId)
      return html`<section class="card flush" key=${minionId}>
        <div class="card-head row">
          <${Avatar} small id=${minionId} name=${minion?.display_name ?? '?'} />
          <h2 class="grow wrap">
            <a href=${`#/minions/${minionId}`} style="color: inherit; text-decoration: none">
              ${minion?.display_name ?? 'A minion'}
            </a>
          </h2>
          <span class="small muted">${plural(list.length, 'job')}</span>
        </div>
        <ul class="list">
          ${list.map((job) => html`<${JobRow} key=${job.id} job=${job} picked=${picked.has(job.id)}
            onPick=${(isIn) => (isIn ? picked.add(job.id) : picked.delete(job.id))} />`)}
        </ul>
      </section>`
    }

    return () => html`<div class="page">
      <${PageHead} title="Training" text="Teach a minion a voice, give it knowledge, and measure what each adds.">
        <button class="button primary" onClick=${open}><${Icon} name="plus" /> New training</button>
      </>
      <${Loaded} of=${jobs} what="Looking for jobs">
        ${jobs.items.length === 0 && !view.status && !jobs.isLoading
          ? html`<div class="card">
              <${EmptyState} icon="training" title="No training yet">
                <p>A training takes examples, documents or both, and publishes a release with what was measured.</p>
                <div class="row">
                  <button class="button primary" onClick=${open}><${Icon} name="plus" /> New training</button>
                  <a class="button" href="#/datasets">Add data first</a>
                </div>
              </>
            </div>`
          : html`<div class="stack">
            <div class="row wrap-row">
              <input class="input grow" style="max-width: 20rem" type="search" aria-label="Search jobs"
                placeholder="Search by job or minion" ...${text(view, 'search')} />
              ${select('status', 'State', [['', 'Any state'], ...Object.entries(statuses).map(([id, one]) => [id, one.name])])}
              ${select('type', 'Type', [['', 'Any type'], ...Object.entries(types).map(([id, one]) => [id, one.name])])}
              ${select('order', 'Order', Object.entries(orders).map(([id, [words]]) => [id, words]))}
            </div>
            ${bulk()}
            <${ErrorNote} error=${stopping.error ?? deleting.error ?? starting.error} />
            ${groups.value.map(group)}
            ${shown.value.length === 0 && html`<p class="empty">No job matches.</p>`}
            <${LoadMore} list=${jobs} />
          </div>`}
      </>
      ${route.query.new !== undefined && html`<${ExternalTrainingModal} minionId=${route.query.new.trim()}
        onClose=${close} onMade=${made} />`}
    </div>`
  },
}
