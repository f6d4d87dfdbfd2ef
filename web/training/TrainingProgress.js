import { onScopeDispose, reactive, ref, shallowRef } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { followJob } from '../lib/events.js'
import { count, fixed, percent, plural, span } from '../lib/format.js'
import { mine } from '../lib/api.js'
import { waitsFor } from '../lib/plan.js'
import { applyEvent, emptyTraining } from '../lib/training.js'
import { Bar, ErrorNote, Facts } from '../shared/Basics.js'
import { Icon } from '../shared/Icon.js'
import { LossCurve } from './LossCurve.js'
import { TrainingLog } from './TrainingLog.js'
import { TrainingStages } from './TrainingStages.js'

/**
 * A job as it goes: stages, percent, time left, loss curve, speed and log. All of it is folded from the job's numbered
 * events, so a reload or a lost connection takes up exactly where it was. Emits `over` when the job ends.
 */
export const TrainingProgress = {
  props: { job: Object },
  emits: ['over'],
  setup(props, { emit }) {
    const training = reactive(emptyTraining())
    const connection = ref('live')
    const failure = shallowRef(null)
    const stopping = new AbortController()
    onScopeDispose(() => stopping.abort())
    // Many events at once, as after a reload, are shown in one go.
    let waiting = []
    const show = () => { for (const event of waiting.splice(0)) applyEvent(training, event) }
    const onEvent = (event) => { if (waiting.push(event) === 1) requestAnimationFrame(show) }
    const onState = (state) => {
      connection.value = state
      if (state === 'over') { show(); emit('over') }
    }
    followJob(mine(`external-training/jobs/${props.job.id}`), 0, onEvent, onState, stopping.signal).catch((error) => {
      failure.value = error
    })

    const counted = () => {
      const now = training.counts ?? {}
      return [
        training.step !== null && ['Step', `${count(training.step)}${training.steps ? ` of ${count(training.steps)}` : ''}`],
        training.train.length > 0 && ['Loss', fixed(training.train[training.train.length - 1][1])],
        now.tokens !== undefined && ['Tokens', `${count(now.tokens)}${now.tokens_total ? ` of ${count(now.tokens_total)}` : ''}`],
        training.rate !== null && ['Speed', `${count(Math.round(training.rate))} tokens/s`],
        now.chunks !== undefined && ['Chunks', `${count(now.chunks)}${now.chunks_total ? ` of ${count(now.chunks_total)}` : ''}`],
        now.documents !== undefined && ['Documents', count(now.documents)],
      ]
    }
    const says = () => {
      if (training.outcome === 'completed') return 'Finished'
      if (training.outcome === 'failed') return 'Failed'
      if (training.outcome === 'stopped') return 'Stopped'
      if (!training.order.length) return !training.attempt
        ? 'Not started'
        : props.job.status === 'QUEUED' && props.job.run_at
          ? waitsFor(props.job) || 'Waiting for a worker'
          : 'Waiting for a worker'
      return training.secondsLeft === null ? 'Running' : `About ${span(training.secondsLeft * 1000)} left`
    }

    return () => html`<div class="stack loose" data-last-event=${training.last}>
      <section class="card stack">
        <div class="row between">
          <p class="strong" aria-live="polite">${says()}</p>
          <p class="number muted">${percent(training.progress)}</p>
        </div>
        <${Bar} value=${training.progress} label="Progress of the job"
          kind=${training.outcome === 'failed' ? 'bad' : ''} />
        ${connection.value === 'reconnecting' && html`<p class="small muted row" role="status">
          <${Icon} name="retry" spin /> The connection is lost; trying again. Nothing is missed.
        </p>`}
        <${ErrorNote} error=${failure.value} />
        <${TrainingStages} training=${training} type=${props.job.training_type} />
        <${Facts} items=${counted()} />
      </section>
      ${training.train.length + training.validation.length > 0 && html`<section class="card stack tight">
        <h2>Loss</h2>
        <div data-train-points=${training.train.length} data-steps=${training.train.map(([step]) => step).join(' ')}>
          <${LossCurve} training=${training} />
        </div>
      </section>`}
      <section class="card flush">
        <div class="card-head row between">
          <h2>Log</h2>
          <span class="small muted">${plural(training.last, 'event')}</span>
        </div>
        <${TrainingLog} entries=${training.log} />
      </section>
    </div>`
  },
}
