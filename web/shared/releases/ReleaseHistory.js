import { computed, ref, shallowRef } from '../../lib/vue.js'
import { html } from '../../lib/html.js'
import { get, mine, post } from '../../lib/api.js'
import { confirm } from '../../lib/confirm.js'
import { ago, when } from '../../lib/format.js'
import { action, pages } from '../../lib/resource.js'
import { toast } from '../../lib/toasts.js'
import { EmptyState, ErrorNote, Loaded, LoadMore } from '../Basics.js'
import { CanaryForm } from './CanaryForm.js'
import { CanaryTrial } from './CanaryTrial.js'
import { Icon } from '../Icon.js'
import { ReleaseEvents } from './ReleaseEvents.js'
import { ReleaseExport } from './ReleaseExport.js'
import { ReleaseImport } from './ReleaseImport.js'
import { ReleaseResult } from './ReleaseResult.js'

const kinds = { active: 'ok', canary: 'run', candidate: 'warn', rejected: 'bad', failed: 'bad' }

/** A minion's releases, one of them open: try it, promote it, go back, bring one in or take it elsewhere. Emits `changed`. */
export const ReleaseHistory = {
  props: { minion: Object, shown: String },
  emits: ['changed'],
  setup(props, { emit }) {
    const base = mine(`minions/${props.minion.id}`)
    const releases = pages((cursor) => get(`${base}/releases`, { limit: 20, cursor }))
    const chosen = ref(props.shown ?? null)
    const trying = shallowRef(null)
    const isImporting = ref(false)
    const open = computed(() => releases.items.find((one) => one.id === chosen.value)
      ?? releases.items.find((one) => one.state === 'active') ?? releases.items[0])
    const active = computed(() => releases.items.find((one) => one.state === 'active'))
    const refresh = () => { releases.reload(); emit('changed') }
    const promoting = action(async (release) => {
      const before = active.value
      await post(`${base}/releases/${release.id}/promote`, {})
      refresh()
      toast(`Release ${release.number} answers now`, before && before.id !== release.id
        ? { undo: { label: 'Undo', act: () => promoting.run(before) } } : {})
    })
    const adopting = action(async (release) => {
      if (!(await confirm({
        title: `Promote release ${release.number} with its settings?`,
        text: 'The minion’s system prompt, sampling and pipeline become those the release was made with. The present ones are not kept.',
        verb: 'Promote',
      }))) return
      await post(`${base}/releases/${release.id}/promote`, { apply_settings: true })
      refresh()
      toast(`Release ${release.number} answers now, with its settings`)
    })
    const rolling = action(async () => {
      await post(`${base}/rollback`, {})
      refresh()
      toast('The previous release answers again')
    })
    function started() {
      toast(`Release ${trying.value.number} is on trial`)
      trying.value = null
      refresh()
    }
    function imported(release) {
      isImporting.value = false
      chosen.value = release.id
      refresh()
    }
    const importing = () => html`<button class="button" onClick=${() => { isImporting.value = true }}>
      <${Icon} name="upload" /> Import
    </button>`

    const actions = (release) => html`<div class="row wrap-row">
      ${release.state !== 'active' && html`
        <button class="button primary" disabled=${promoting.isBusy} onClick=${() => promoting.run(release)}>
          <${Icon} name="up" /> Promote
        </button>
        <button class="button" disabled=${adopting.isBusy} onClick=${() => adopting.run(release)}>
          With its settings
        </button>
      `}
      ${release.state !== 'active' && !props.minion.canary && active.value && html`<button class="button"
        onClick=${() => { trying.value = release }}>
        <${Icon} name="both" /> Try it
      </button>`}
      ${release.state === 'active'
        && (releases.hasMore || releases.items.some((one) => one.state === 'retired')) && html`<button class="button"
        disabled=${rolling.isBusy} onClick=${rolling.run}>
        <${Icon} name="undo" /> Roll back
      </button>`}
      ${release.job_id && html`<a class="button quiet" href=${`#/training/${release.job_id}`}>How it was trained</a>`}
    </div>`

    const history = () => html`<div class="side">
      <section class="card stack loose">
        <div class="row between wrap-row top">
          <div>
            <h2>Release ${open.value.number}</h2>
            <p class="small muted wrap">
              ${when(open.value.created_at)}
              ${open.value.reason ? `. ${open.value.reason}` : ''}
            </p>
          </div>
          ${actions(open.value)}
        </div>
        <${ErrorNote} error=${promoting.error ?? adopting.error ?? rolling.error} />
        <${ReleaseResult} key=${open.value.id} release=${open.value} />
        <div class="stack">
          <${ReleaseEvents} key=${open.value.id + open.value.state} release=${open.value} />
          <${ReleaseExport} key=${open.value.id} release=${open.value} />
        </div>
      </section>
      <section class="card flush" aria-label="History of releases">
        <div class="card-head row between"><h2>History</h2>${importing()}</div>
        <ul class="list compact">
          ${releases.items.map((release) => html`<li key=${release.id}>
            <button class="button quiet grow" style="justify-content: flex-start"
              aria-pressed=${String(release.id === open.value.id)} onClick=${() => { chosen.value = release.id }}>
              Release ${release.number}<span class="tiny muted">${ago(release.created_at)}</span>
            </button>
            <span class=${['badge', kinds[release.state]]}>${release.state}</span>
          </li>`)}
        </ul>
        <${LoadMore} list=${releases} />
      </section>
    </div>`

    return () => html`<div class="stack loose">
      ${props.minion.canary && html`<${CanaryTrial} key=${props.minion.canary.id} minion=${props.minion}
        release=${releases.items.find((one) => one.id === props.minion.canary.release_id)} onOver=${refresh} />`}
      <${Loaded} of=${releases} what="Looking for releases">
        ${releases.items.length
          ? history()
          : html`<div class="card">
            <${EmptyState} icon="training" title="Not trained yet">
              <p>
                Give it examples of how it should sound, documents it should know, or both. Each training publishes a
                release with what it was measured at.
              </p>
              <div class="row">
                <a class="button primary" href=${`#/training?new=${props.minion.id}`}>
                  <${Icon} name="training" /> Train it
                </a>
                ${importing()}
              </div>
            </>
          </div>`}
      </>
      ${trying.value && html`<${CanaryForm} release=${trying.value} onStarted=${started} onClose=${() => { trying.value = null }} />`}
      ${isImporting.value && html`<${ReleaseImport} minion=${props.minion} onImported=${imported}
        onClose=${() => { isImporting.value = false }} />`}
    </div>`
  },
}
