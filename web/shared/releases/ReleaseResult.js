import { html } from '../../lib/html.js'
import { count } from '../../lib/format.js'
import { metricsOf } from '../../lib/evaluation.js'
import { AblationChart } from './AblationChart.js'
import { AblationTable } from './AblationTable.js'
import { ExamplesSideBySide } from './ExamplesSideBySide.js'
import { Facts, Note } from '../Basics.js'

/** What a release was measured at. */
export const ReleaseResult = ({ release }) => {
  const evaluation = release.evaluation ?? {}
  const metrics = metricsOf(evaluation)
  const facts = [
    ['Examples learned from', evaluation.training_examples], ['Held out', evaluation.held_out_examples],
    ['Documents', evaluation.documents], ['Chunks', evaluation.chunks],
  ].filter(([, value]) => value !== undefined && value !== null).map(([name, value]) => [name, count(value)])
  return html`<div class="stack loose">
    <${Facts} items=${facts} />
    ${metrics.length
      ? html`<section class="stack">
          <h3>What each part adds</h3>
          <${AblationChart} metrics=${metrics} />
          <${AblationTable} metrics=${metrics} />
        </section>`
      : html`<${Note}>Nothing was held out or compared in this release, so nothing is claimed about it.</>`}
    ${evaluation.notes?.length > 0 && html`<${Note}>
      Left out, and why:<ul>${evaluation.notes.map((note) => html`<li>${note}</li>`)}</ul>
    </>`}
    ${evaluation.examples?.length > 0 && html`<section class="stack">
      <h3>Side by side</h3>
      <${ExamplesSideBySide} examples=${evaluation.examples} />
    </section>`}
  </div>`
}
ReleaseResult.props = ['release']
