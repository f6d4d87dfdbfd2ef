import { reactive, ref, watch } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { get, mine, withQuery } from '../lib/api.js'
import { cost, count, percent, plural, zone, isoDay } from '../lib/format.js'
import { listProviders } from '../lib/providers.js'
import { resource } from '../lib/resource.js'
import { toast } from '../lib/toasts.js'
import { EmptyState, Loaded, PageHead, Segments } from '../shared/Basics.js'
import { BudgetBars } from './BudgetBars.js'
import { LimitsForm } from '../shared/LimitsForm.js'
import { Modal } from '../shared/Modal.js'
import { UsageCharts } from './UsageCharts.js'
import { UsageTable } from './UsageTable.js'

const ranges = [['7', '7 days'], ['30', '30 days'], ['90', '90 days']]
const groups = [['minion', 'Minion'], ['provider', 'Provider'], ['model', 'Model'], ['key', 'Key']]

/** The last so many days of the viewer's zone, oldest first. */
const lastDays = (count) => Array.from({ length: count }, (_, index) => {
  const day = new Date()
  day.setDate(day.getDate() - (count - 1 - index))
  return isoDay(day)
})

/** The reports a usage screen shows: by day and group, by day, by group. */
async function usageReports(path, days, group) {
  const ask = async (group_by) => (await get(path, { from: days[0], to: days[days.length - 1], tz: zone(), group_by })).report.rows
  const [rows, daily, totals] = await Promise.all([ask(`day,${group}`), ask('day'), ask(group)])
  return { rows, daily, totals, days, group }
}

export const Usage = {
  setup() {
    document.title = 'Usage · Atelier'
    const view = reactive({ days: '30', group: 'minion' })
    const isLimiting = ref(false)
    const minions = resource(async () => new Map((await get(mine('minions'), { limit: 100 })).items.map((one) => [
      one.id,
      one.display_name,
    ])))
    const keys = resource(async () => new Map((await listProviders()).flatMap((entry) => entry.keys.map((key) => [
      key.id,
      `${entry.name}, ${key.label} (${key.key_hint})`,
    ]))))
    const reports = resource(() => usageReports(mine('usage'), lastDays(Number(view.days)), view.group))
    const limits = resource(() => get(mine('limits')))
    watch(() => [view.days, view.group], reports.reload)
    const nameOf = (row) => {
      if (reports.data.group === 'key') return row.key_id ? keys.data?.get(row.key_id) ?? 'a removed key' : 'no key'
      if (reports.data.group !== 'minion') return row[reports.data.group] ?? 'unknown'
      return row.minion_id ? minions.data?.get(row.minion_id) ?? 'a deleted minion' : 'no minion'
    }
    const saved = (reply) => { isLimiting.value = false; limits.data = reply; toast('Saved. The limits apply from the next request') }
    const tiles = ({ totals }) => {
      const sum = (name) => totals.reduce((all, row) => all + row[name], 0)
      const requests = sum('requests')
      return html`<div class="tiles">
        ${[
          [
            'Cost',
            cost(sum('cost')),
            sum('unpriced_requests') ? `${plural(sum('unpriced_requests'), 'request')} of unknown price` : 'all priced',
          ],
          ['Requests', count(requests), `${count(sum('cache_hits'))} more from the cache`],
          [
            'Tokens',
            count(sum('input_tokens') + sum('output_tokens')),
            `${count(sum('output_tokens'))} of them written`,
          ],
          ['Failed', requests ? percent(sum('failures') / requests, 1) : '–', plural(sum('failures'), 'request')],
        ].map(([name, value, more]) => html`<div class="tile" key=${name}>
          <p class="small muted">${name}</p>
          <p class="value">${value}</p>
          <p class="tiny muted">${more}</p>
        </div>`)}
      </div>`
    }
    const csv = () => withQuery(mine('usage'), {
      from: lastDays(Number(view.days))[0],
      group_by: `day,${view.group}`,
      tz: zone(),
      format: 'csv',
    })
    return () => html`<div class="page">
      <${PageHead} title="Usage"
        text="Every call to a provider is recorded, failed ones too. Calls of unknown cost are counted apart.">
        <${Segments} label="Time" options=${ranges} modelValue=${view.days}
          ...${{ 'onUpdate:modelValue': (value) => { view.days = value } }} />
        <${Segments} label="By" options=${groups} modelValue=${view.group}
          ...${{ 'onUpdate:modelValue': (value) => { view.group = value } }} />
      </>
      <section class="card stack">
        <div class="row between">
          <h2>Budgets</h2>
          <button class="button tight" onClick=${() => { isLimiting.value = true }}>Set limits</button>
        </div>
        <${Loaded} of=${limits}>${limits.data && html`<${BudgetBars} limits=${limits.data.limits} />`}</>
      </section>
      <${Loaded} of=${reports} what="Adding up">
        ${reports.data
          && (reports.data.totals.length
            ? html`<div class="stack loose">
                ${tiles(reports.data)}
                <${UsageCharts} key=${view.days + view.group} rows=${reports.data.rows} daily=${reports.data.daily}
                  days=${reports.data.days} nameOf=${nameOf} />
                <section class="card flush">
                  <div class="card-head row between">
                    <h2>In figures</h2>
                    <a class="button tight" href=${csv()} download="usage.csv">CSV</a>
                  </div>
                  <${UsageTable} rows=${reports.data.totals}
                    group=${groups.find(([id]) => id === reports.data.group)[1]} nameOf=${nameOf} />
                </section>
              </div>`
            : html`<div class="card">
              <${EmptyState} icon="usage" title="No usage in this period">
                <p>Ask a minion; its usage appears here a moment later.</p>
                <a class="button primary" href="#/playground">To the playground</a>
              </>
            </div>`)}
      </>
      ${isLimiting.value && html`<${Modal} title="Limits of your own" kind="large"
        onClose=${() => { isLimiting.value = false }}>
        <p class="muted small">
          They apply beside the operator's limits; the stricter one decides. An empty field sets no limit.
        </p>
        <${LimitsForm} path=${mine('limits')} settings=${limits.data.settings} onSaved=${saved} />
      </>`}
    </div>`
  },
}
