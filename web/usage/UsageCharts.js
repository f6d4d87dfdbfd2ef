import { computed } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { cost, count, percent, short, span } from '../lib/format.js'
import { Chart } from '../shared/Chart.js'

const SERIES = ['--accent', '--arm-knowledge', '--arm-voice', '--arm-restyle', '--arm-base', '--ok', '--warn', '--bad']

/** Usage over the days: `rows` by day and group, `daily` by day alone, `nameOf` a row's group. */
export const UsageCharts = {
  props: { rows: Array, daily: Array, days: Array, nameOf: Function },
  setup(props) {
    const base = (data) => ({
      grid: { left: 52, right: 12, top: 34, bottom: 26 }, legend: { top: 0, left: 0, type: 'scroll' },
      xAxis: { type: 'category', data: props.days, axisLabel: { formatter: (day) => day.slice(5) } }, yAxis: { type: 'value' }, ...data,
    })
    /** One stack a group; groups beyond the seventh are drawn as one. */
    const stacked = (field) => {
      const groups = new Map()
      for (const row of props.rows) {
        const name = props.nameOf(row)
        if (!groups.has(name)) groups.set(name, new Map())
        groups.get(name).set(row.day, (groups.get(name).get(row.day) ?? 0) + field(row))
      }
      return (color, format) => base({
        tooltip: { trigger: 'axis', valueFormatter: format },
        series: [...groups].slice(0, 8).map(([name, byDay], index) => ({
          name,
          type: 'bar',
          stack: 'all',
          barMaxWidth: 26,
          color: color(SERIES[index]),
          data: props.days.map((day) => byDay.get(day) ?? 0),
        })),
      })
    }
    const daily = (find) => {
      const byDay = new Map(props.daily.map((row) => [row.day, row]))
      return props.days.map((day) => find(byDay.get(day)))
    }
    const sum = (field) => props.rows.reduce((all, row) => all + field(row), 0)
    const charts = computed(() => {
      const [costs, tokens, requests] = [
        stacked((row) => row.cost),
        stacked((row) => row.input_tokens + row.output_tokens),
        stacked((row) => row.requests),
      ]
      const latency = ['p50', 'p95'].map((name) => daily((row) => row?.latency_milliseconds?.[name] ?? null))
      const errors = daily((row) => row?.error_rate ?? null)
      return [
        ['Cost', `Cost by day, ${cost(sum((row) => row.cost))} in all`, (color) => costs(color, (value) => cost(value))],
        [
          'Tokens',
          `Tokens by day, ${count(sum((row) => row.input_tokens + row.output_tokens))} in all`,
          (color) => { const made = tokens(color, count); made.yAxis.axisLabel = { formatter: short }; return made },
        ],
        ['Requests', `Requests by day, ${count(sum((row) => row.requests))} in all`, (color) => requests(color, count)],
        [
          'Latency',
          'Latency by day: median and 95th percentile',
          (color) => base({
            tooltip: {
              trigger: 'axis',
              valueFormatter: (value) => (value === null || value === undefined ? '–' : span(value)),
            },
            yAxis: { type: 'value', axisLabel: { formatter: (value) => span(value) } },
            series: [['Median', '--arm-knowledge'], ['95 %', '--arm-voice']].map(([name, token], index) => ({
              name,
              type: 'line',
              data: latency[index],
              connectNulls: true,
              color: color(token),
              symbolSize: 6,
            })),
          }),
        ],
        [
          'Errors',
          'Share of failed requests by day',
          (color) => base({
            tooltip: {
              trigger: 'axis',
              valueFormatter: (value) => (value === null || value === undefined ? '–' : percent(value, 1)),
            },
            yAxis: {
              type: 'value',
              min: 0,
              max: (range) => Math.max(0.05, range.max),
              axisLabel: { formatter: (value) => percent(value) },
            },
            series: [{ name: 'Failed', type: 'bar', barMaxWidth: 26, data: errors, color: color('--bad') }],
          }),
        ],
      ]
    })
    return () => html`<div class="cards"
      style="grid-template-columns: repeat(auto-fill, minmax(min(100%, 26rem), 1fr))">
      ${charts.value.map(([name, label, make]) => html`<section class="card stack tight" key=${name}>
        <h2>${name}</h2>
        <${Chart} label=${label} make=${make} height=${210} />
      </section>`)}
    </div>`
  },
}
