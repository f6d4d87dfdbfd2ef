import { html } from '../lib/html.js'
import { cost, count, percent, span } from '../lib/format.js'

/** A usage report's rows: one a group. */
export const UsageTable = ({ rows, group, nameOf }) => html`<div class="scroll-x" tabindex="0" role="region"
  aria-label="Usage">
  <table>
    <thead>
      <tr>
        <th scope="col">${group}</th>
        <th scope="col" class="number">Requests</th>
        <th scope="col" class="number">Failed</th>
        <th scope="col" class="number">Tokens in</th>
        <th scope="col" class="number">Tokens out</th>
        <th scope="col" class="number">Cost</th>
        <th scope="col" class="number">Median</th>
        <th scope="col" class="number">95 %</th>
      </tr>
    </thead>
    <tbody>
      ${rows.map((row, index) => html`<tr key=${index}>
        <th scope="row" class="wrap">${nameOf(row)}</th>
        <td class="number">
          ${count(row.requests)}
          ${row.cache_hits ? html`<div class="tiny muted">${count(row.cache_hits)} cached</div>` : ''}
        </td>
        <td class="number">${row.error_rate === undefined ? '–' : percent(row.error_rate, 1)}</td>
        <td class="number">${count(row.input_tokens)}</td>
        <td class="number">${count(row.output_tokens)}</td>
        <td class="number">
          ${cost(row.cost)}
          ${row.unpriced_requests
            ? html`<div class="tiny muted">${count(row.unpriced_requests)} of unknown price</div>`
            : ''}
        </td>
        <td class="number">${row.latency_milliseconds ? span(row.latency_milliseconds.p50) : '–'}</td>
        <td class="number">${row.latency_milliseconds ? span(row.latency_milliseconds.p95) : '–'}</td>
      </tr>`)}
    </tbody>
  </table>
</div>`
UsageTable.props = ['rows', 'group', 'nameOf']
