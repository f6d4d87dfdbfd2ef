import { html } from '../lib/html.js'
import { ago, percent } from '../lib/format.js'
import { limitFigure, limitNames, seldomMet } from '../lib/limits.js'
import { Bar } from '../shared/Basics.js'

const set = { default: 'by the operator for everybody', user: 'for this account', minion: 'for this minion', key: 'for this key' }

/** Limits with what is left of them. */
export const BudgetBars = ({ limits }) => {
  const bounded = limits.filter((one) => one.limit !== undefined && (!seldomMet.has(one.name) || one.used >= one.limit / 2))
  if (!bounded.length) return html`<p class="muted small">
    Nothing is limited. Set a budget, so that no program can spend more than you mean to.
  </p>`
  return html`<ul class="cards">
    ${bounded.map((one) => {
      const share = one.limit === 0 ? 1 : one.used / one.limit
      return html`<li class="stack tight" key=${one.name}>
        <div class="row between">
          <span class="strong small">${limitNames[one.name]}</span>
          <span class="small number">${limitFigure(one.name, one.used)} of ${limitFigure(one.name, one.limit)}</span>
        </div>
        <${Bar} value=${share} label=${`${limitNames[one.name]}: ${percent(share)} used`}
          kind=${share >= 1 ? 'bad' : share > 0.8 ? 'warn' : ''} />
        <p class="tiny muted">
          ${one.remaining !== undefined ? `${limitFigure(one.name, one.remaining)} left` : ''}
          ${one.resets_at ? `, resets ${ago(one.resets_at)}` : ''}
          ${one.scope ? `; set ${set[one.scope] ?? one.scope}` : ''}
        </p>
      </li>`
    })}
  </ul>`
}
BudgetBars.props = ['limits']
