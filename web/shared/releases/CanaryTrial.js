import { html } from '../../lib/html.js'
import { get, mine, post, remove } from '../../lib/api.js'
import { confirm } from '../../lib/confirm.js'
import { count, percent, span, when } from '../../lib/format.js'
import { action, every, resource } from '../../lib/resource.js'
import { toast } from '../../lib/toasts.js'
import { Bar, ErrorNote, Loaded } from '../Basics.js'
import { Icon } from '../Icon.js'

/** A minion's trial under way: both releases' figures, what is said of them, and what ends it. Emits `over`. */
export const CanaryTrial = {
  props: { minion: Object, release: Object },
  emits: ['over'],
  setup(props, { emit }) {
    const base = mine(`minions/${props.minion.id}`)
    // A trial ends by itself too: then there is none any more.
    const trial = resource(() => get(`${base}/canary`).catch((error) => { if (error.status === 404) emit('over'); throw error }))
    every(3000, trial.reload)
    const ending = action(async () => {
      if (!(await confirm({
        title: 'End the trial?',
        text: 'The release is a candidate again and answers nobody. A later trial counts from the beginning.',
        verb: 'End it',
      }))) return
      await remove(`${base}/canary`)
      toast('The trial is ended')
      emit('over')
    })
    const promoting = action(async () => {
      await post(`${base}/releases/${props.minion.canary.release_id}/promote`, {})
      toast('The release answers now')
      emit('over')
    })
    const name = () => (props.release ? `Release ${props.release.number}` : 'A release')
    const row = (words, figures) => html`<tr>
      <th scope="row">${words}</th>
      <td class="number">${count(figures.requests)}</td>
      <td class="number">${count(figures.failures)}</td>
      <td class="number">${figures.error_rate === undefined ? '–' : percent(figures.error_rate, 1)}</td>
      <td class="number">${figures.typical_milliseconds === undefined ? '–' : span(figures.typical_milliseconds)}</td>
    </tr>`
    return () => {
      const { settings, started_at: begun } = props.minion.canary
      return html`<section class="card stack" aria-label="Trial">
        <div class="row between wrap-row top">
          <div>
            <h2>${name()} is on trial</h2>
            <p class="small muted">Answers ${settings.percent} % of the requests since ${when(begun)}.</p>
          </div>
          <div class="row wrap-row">
            <button class="button primary" disabled=${promoting.isBusy} onClick=${promoting.run}>
              <${Icon} name="up" /> Promote it now
            </button>
            <button class="button danger" disabled=${ending.isBusy} onClick=${ending.run}>
              <${Icon} name="stop" /> End the trial
            </button>
          </div>
        </div>
        <${ErrorNote} error=${promoting.error ?? ending.error} />
        <${Loaded} of=${trial}>
          ${trial.data && html`<div class="stack">
            <p class="small" role="status">${trial.data.verdict}</p>
            ${settings.promote_after && html`<div class="row">
              <div class="grow">
                <${Bar} value=${(trial.data.trial.requests - trial.data.trial.failures) / settings.promote_after}
                  label="Good requests before it is promoted" />
              </div>
              <span class="small muted number nowrap">
                ${count(trial.data.trial.requests - trial.data.trial.failures)} of ${count(settings.promote_after)} good
              </span>
            </div>`}
            <div class="scroll-x" tabindex="0" role="region" aria-label="Figures of the trial">
              <table>
                <thead>
                  <tr>
                    <th scope="col">Who answered</th>
                    <th scope="col" class="number">Requests</th>
                    <th scope="col" class="number">Failed</th>
                    <th scope="col" class="number">Share</th>
                    <th scope="col" class="number">Typical time</th>
                  </tr>
                </thead>
                <tbody>${row('The active release', trial.data.active)}${row('On trial', trial.data.trial)}</tbody>
              </table>
            </div>
          </div>`}
        </>
        <p class="tiny muted">
          After ${count(settings.min_requests)} requests to each release, it is rejected if it surely fails
          in ${percent(settings.max_error_increase, 1)} more of the requests or
          takes ${settings.max_latency_ratio} times as long.
        </p>
      </section>`
    }
  },
}
