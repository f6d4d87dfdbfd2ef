import { computed, ref } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { get, mine, post } from '../lib/api.js'
import { has } from '../lib/features.js'
import { ago, when } from '../lib/format.js'
import { action, pages, resource } from '../lib/resource.js'
import { toast } from '../lib/toasts.js'
import { EmptyState, ErrorNote, Loaded, LoadMore } from './Basics.js'
import { Icon } from './Icon.js'
import { ReleaseResult } from './ReleaseResult.js'

const MINION = '/api/users/{user_id}/minions/{minion_id}'
const kinds = { active: 'ok', canary: 'run', candidate: 'warn', rejected: 'bad', failed: 'bad' }

/** A minion's releases, one of them open; promote another one, or go back. Emits `changed`. */
export const ReleaseHistory = {
  props: { minion: Object, shown: String },
  emits: ['changed'],
  setup(props, { emit }) {
    const base = mine(`minions/${props.minion.id}`)
    const releases = pages((cursor) => get(`${base}/releases`, { limit: 20, cursor }))
    const abilities = resource(async () => ({
      promote: await has('post', `${MINION}/releases/{release_id}/promote`), rollback: await has('post', `${MINION}/rollback`),
      archive: await has('get', `${MINION}/releases/{release_id}/archive`),
    }))
    const chosen = ref(props.shown ?? null)
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
    const rolling = action(async () => {
      await post(`${base}/rollback`, {})
      refresh()
      toast('The release before answers again')
    })

    const actions = (release) => html`<div class="row wrap-row">
      ${release.state !== 'active' && abilities.data?.promote && html`<button class="button primary" disabled=${promoting.isBusy} onClick=${() => promoting.run(release)}><${Icon} name="up" /> Promote</button>`}
      ${release.state === 'active' && abilities.data?.rollback && releases.items.length > 1 && html`<button class="button" disabled=${rolling.isBusy} onClick=${rolling.run}><${Icon} name="undo" /> Roll back</button>`}
      ${abilities.data?.archive && html`<a class="button" href=${`${base}/releases/${release.id}/archive`} download><${Icon} name="file" /> Archive</a>`}
      ${release.job_id && html`<a class="button quiet" href=${`#/training/${release.job_id}`}>How it was trained</a>`}</div>`

    return () => html`<${Loaded} of=${releases} what="Looking for releases">${releases.items.length === 0
      ? html`<div class="card"><${EmptyState} icon="training" title="Not trained yet">
          <p>Give it examples of how it should sound, documents it should know, or both. Each training publishes a release with what it was measured at.</p>
          <a class="button primary" href=${`#/training?new=${props.minion.id}`}><${Icon} name="training" /> Train it</a></></div>`
      : html`<div class="side">
        <section class="card stack loose">
          <div class="row between wrap-row top"><div><h2>Release ${open.value.number}</h2><p class="small muted wrap">${when(open.value.created_at)}${open.value.reason ? `. ${open.value.reason}` : ''}</p></div>${actions(open.value)}</div>
          <${ErrorNote} error=${promoting.error ?? rolling.error} />
          <${ReleaseResult} key=${open.value.id} release=${open.value} />
        </section>
        <section class="card flush" aria-label="History of releases"><div class="card-head"><h2>History</h2></div>
          <ul class="list compact">${releases.items.map((release) => html`<li key=${release.id}>
            <button class="button quiet grow" style="justify-content: flex-start" aria-pressed=${String(release.id === open.value.id)} onClick=${() => { chosen.value = release.id }}>
              Release ${release.number}<span class="tiny muted">${ago(release.created_at)}</span></button>
            <span class=${['badge', kinds[release.state]]}>${release.state}</span></li>`)}</ul><${LoadMore} list=${releases} /></section>
      </div>`}</>`
  },
}
