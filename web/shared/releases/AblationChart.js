import { html } from '../../lib/html.js'
import { ablation, figure, isKnown, words, arms, armName } from '../../lib/evaluation.js'

const WIDTH = 300, LEFT = 96, ROW = 22

/** One metric as points with their intervals: where two intervals do not meet, the difference is real. */
function Dots({ row, names }) {
  const cells = names.map((arm) => row.cells.get(arm)).filter(isKnown)
  const low = Math.min(...cells.map((cell) => cell.low ?? cell.value))
  const high = Math.max(...cells.map((cell) => cell.high ?? cell.value))
  const room = (high - low || Math.abs(high) || 1) * 0.08
  const x = (value) => LEFT + 8 + ((value - low + room) / (high - low + 2 * room)) * (WIDTH - LEFT - 16)
  const height = cells.length * ROW + 20
  const said = cells.map((cell) => `${armName(cell.arm)} ${figure(cell.value, cell.unit)}`).join(', ')
  return html`<figure class="stack tight">
    <figcaption class="small strong">${words(row.name)}</figcaption>
    <svg viewBox=${`0 0 ${WIDTH} ${height}`} role="img" aria-label=${`${words(row.name)}: ${said}`}
      style="width: 100%; max-width: 26rem">
      ${cells.map((cell, index) => {
        const y = index * ROW + 12
        const color = `var(${arms[cell.arm]?.color ?? '--muted'})`
        const hasInterval = cell.low !== undefined && cell.low !== null
        return html`<g key=${cell.arm}>
          <text x="0" y=${y + 4} font-size="11" fill="var(--muted)">${armName(cell.arm).slice(0, 18)}</text>
          <line x1=${LEFT} x2=${WIDTH} y1=${y} y2=${y} stroke="var(--line)" />
          ${hasInterval && html`<line x1=${x(cell.low)} x2=${x(cell.high)} y1=${y} y2=${y} stroke=${color}
            stroke-width="3" stroke-linecap="round" opacity="0.45" />`}
          <circle cx=${x(cell.value)} cy=${y} r="4.5" fill=${color} />
        </g>`
      })}
      <text x=${LEFT} y=${height - 2} font-size="10" fill="var(--muted)">${figure(low, row.unit)}</text>
      <text x=${WIDTH} y=${height - 2} font-size="10" text-anchor="end" fill="var(--muted)">
        ${figure(high, row.unit)}
      </text>
    </svg>
  </figure>`
}
Dots.props = ['row', 'names']

export const AblationChart = ({ metrics }) => {
  const table = ablation(metrics)
  const rows = table.rows.filter((row) => [...row.cells.values()].filter(isKnown).length > 1)
  return rows.length > 0 && html`<div class="cards">
    ${rows.map((row) => html`<${Dots} key=${row.name} row=${row} names=${table.arms} />`)}
  </div>`
}
AblationChart.props = ['metrics']
