import { html } from '../lib/html.js'
import { get, mine } from '../lib/api.js'
import { ago, cost, plural } from '../lib/format.js'
import { resource } from '../lib/resource.js'
import { Avatar, StatusBadge } from '../shared/Basics.js'
import { Icon } from '../shared/Icon.js'

/** A minion at a glance: who answers, what it was taught, what it did this month. */
export const MinionCard = {
  props: { minion: Object, usage: Object },
  setup(props) {
    const { id } = props.minion
    const job = resource(async () => (await get(mine(`minions/${id}/training-history`), { limit: 1 })).items[0] ?? null)
    const release = resource(async () => (await get(mine(`minions/${id}/releases`), { limit: 100 })).items)
    return () => {
      const { minion, usage } = props
      const active = release.data?.find((entry) => entry.id === minion.release_id)
      return html`<li class="card link">
        <div class="row"><${Avatar} id=${id} name=${minion.display_name} />
          <div class="grow"><h2 class="wrap"><a href=${`#/minions/${id}`}>${minion.display_name}</a></h2>
            <p class="small muted wrap">${minion.provider} · ${minion.model_id}</p></div></div>
        <div class="row wrap-row small">
          ${active ? html`<span class="badge accent">Release ${active.number}</span>` : html`<span class="badge">Untrained</span>`}
          ${minion.canary && html`<span class="badge run"><i class="dot"></i>One on trial</span>`}
          ${active?.adapter_id && html`<span class="badge"><${Icon} name="voice" /> Voice</span>`}
          ${active?.collection_id && html`<span class="badge"><${Icon} name="book" /> Knowledge</span>`}
        </div>
        <p class="small muted row" style="min-height: 1.5rem">${job.data
          ? html`<${StatusBadge} status=${job.data.status} /><span class="wrap">${job.data.job_name}, ${ago(job.data.updated_at)}</span>`
          : job.isLoading ? '' : 'No training yet'}</p>
        <p class="small muted">This month: <span class="number">${plural(usage?.requests ?? 0, 'request')}, ${cost(usage?.cost ?? 0)}</span>
          ${usage?.unpriced_requests ? ` and ${plural(usage.unpriced_requests, 'request')} of unknown price` : ''}</p>
        <div class="row over">
          <a class="button tight" href=${`#/playground/${id}`}><${Icon} name="playground" /> Ask</a>
          <a class="button tight quiet" href=${`#/training?new=${id}`}><${Icon} name="training" /> Train</a>
        </div>
      </li>`
    }
  },
}
