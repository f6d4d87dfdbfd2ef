import { html } from '../../lib/html.js'
import { ablation, figure, isLessBetter, words, arms, armName } from '../../lib/evaluation.js'

/** What each set-up measured, with the interval it lies in. */
export const AblationTable = ({ metrics }) => {
  const table = ablation(metrics)
  return html`<div class="scroll-x" tabindex="0" role="region" aria-label="Measured by set-up">
    <table>
      <caption class="hidden">What was measured in each set-up</caption>
      <thead>
        <tr>
          <th scope="col">Measured</th>
          ${table.arms.map((arm) => html`<th scope="col" class="number">
            <span class="row" style="justify-content: flex-end; gap: 0.4rem">
              <i class="swatch" style=${{ background: `var(${arms[arm]?.color ?? '--muted'})` }}></i>
              ${armName(arm)}
            </span>
          </th>`)}
        </tr>
      </thead>
      <tbody>
        ${table.rows.map((row) => html`<tr key=${row.name}>
          <th scope="row">
            ${words(row.name)}
            <div class="tiny">${isLessBetter(row.name) ? 'less is better' : 'more is better'}</div>
          </th>
          ${table.arms.map((arm) => {
            const cell = row.cells.get(arm)
            return html`<td class="number">
              ${cell
                ? [
                    figure(cell.value, cell.unit),
                    cell.low !== undefined && cell.low !== null && html`<div class="tiny muted">
                      ${figure(cell.low, cell.unit)} to ${figure(cell.high, cell.unit)}
                    </div>`,
                    cell.n && html`<div class="tiny muted">n = ${cell.n}</div>`,
                  ]
                : html`<span class="muted">–</span>`}
            </td>`
          })}
        </tr>`)}
      </tbody>
    </table>
  </div>`
}
AblationTable.props = ['metrics']
