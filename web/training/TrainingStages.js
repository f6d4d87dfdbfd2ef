import { html } from '../lib/html.js'
import { span } from '../lib/format.js'
import { stageNames, stagesOf } from '../lib/jobs.js'

/** The job's stages by name, in order, with what each took. */
export const TrainingStages = ({ training, type }) => {
  // What the job says itself goes before what its type lets expect.
  const expected = stagesOf(type)
  const extra = training.order.filter((stage) => !expected.includes(stage))
  const stages = [...expected.slice(0, -1), ...extra, 'publish'].sort((a, b) => {
    const [x, y] = [training.order.indexOf(a), training.order.indexOf(b)]
    return x >= 0 && y >= 0 ? x - y : 0
  })
  const isOver = ['failed', 'stopped'].includes(training.outcome)
  const state = (stage) => {
    const known = training.stages[stage]
    if (known?.status === 'finished' || (training.outcome === 'completed' && known)) return [
      'finished',
      known.milliseconds === undefined ? 'done' : span(known.milliseconds),
    ]
    if (known?.status === 'started') return isOver ? ['broken', training.outcome] : ['started', 'now']
    return ['', '']
  }
  return html`<ol class="stages" aria-label="Stages">
    ${stages.map((stage) => {
      const [kind, words] = state(stage)
      return html`<li key=${stage} class=${kind} aria-current=${kind === 'started' ? 'step' : undefined}>
        ${stageNames[stage] ?? stage}
        <span class="tiny">${words}</span>
      </li>`
    })}
  </ol>`
}
TrainingStages.props = ['training', 'type']
