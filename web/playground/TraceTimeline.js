import { html } from '../lib/html.js'
import { span } from '../lib/format.js'

const names = {
  cache: 'Cache',
  draft: 'Draft',
  retrieve: 'Passages',
  compose: 'Prompt',
  answer: 'Answer',
  restyle: 'Restyle',
  decide: 'Decide',
  route: 'Route',
}
/** Stages that run beside each other: neither waits for the other. */
const SIDE_BY_SIDE = ['draft', 'retrieve']

/** Where each stage begins and ends, in milliseconds from the question. */
function laidOut(stages) {
  let at = 0, group = 0
  return stages.map((stage) => {
    const isBeside = SIDE_BY_SIDE.includes(stage.stage) && stage.start_milliseconds === undefined
    const from = stage.start_milliseconds ?? at
    if (isBeside) group = Math.max(group, from + stage.milliseconds)
    else at = Math.max(from, group) + stage.milliseconds
    const start = isBeside ? from : Math.max(from, group)
    if (!isBeside) group = 0
    return { ...stage, from: start, to: start + stage.milliseconds }
  })
}

/** What took how long. */
export const TraceTimeline = ({ stages }) => {
  const rows = laidOut(stages)
  const whole = Math.max(1, ...rows.map((row) => row.to))
  return html`<ol class="timeline" aria-label="Timeline">
    ${rows.map((row) => html`<li key=${row.stage} class=${`is-${row.status}`}>
      <span>${names[row.stage] ?? row.stage}</span>
      <span class="track">
        ${row.status !== 'skipped' && html`<i style=${{
            left: `${(row.from / whole) * 100}%`,
            width: `${((row.to - row.from) / whole) * 100}%`,
          }}></i>`}
      </span>
      <span class="number" style="text-align: end">
        ${row.status === 'skipped' ? 'skipped' : span(row.milliseconds)}
      </span>
    </li>`)}
  </ol>`
}
TraceTimeline.props = ['stages']
