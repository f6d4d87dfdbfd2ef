// A job's events, folded into what the page shows. Pure: the same events always give the same picture, so a reload,
import { armName } from './evaluation.js'

// a lost connection and a restart of the server show neither a gap nor a repetition.

export const emptyTraining = () => ({
  last: 0, attempt: 0, stages: {}, order: [], progress: 0, secondsLeft: null, rate: null, step: null, steps: null, counts: null,
  train: [], validation: [], log: [], outcome: null,
})

/** Adds one event to `state` in place. Events that were seen already change nothing. */
export function applyEvent(state, { id, name, data }) {
  if (id <= state.last) return
  state.last = id
  const handle = handlers[name]
  if (handle) handle(state, data, id)
  // A kind this page does not know yet is still told.
  else note(state, id, data, 'log', data.message ?? data.reason ?? name.replaceAll('_', ' '), data.hint)
}

const note = (state, id, data, kind, text, hint) => state.log.push({ id, at: data.at, kind, text, hint })

/** A point of a curve. A later attempt that goes on from an earlier step replaces what came after it. */
function point(curve, step, loss) {
  while (curve.length && curve[curve.length - 1][0] >= step) curve.pop()
  curve.push([step, loss])
}

const handlers = {
  queued(state, data, id) {
    state.attempt += 1
    Object.assign(state, { outcome: null, progress: 0, secondsLeft: null, rate: null, counts: null, stages: {}, order: [] })
    note(state, id, data, 'mark', state.attempt === 1 ? 'Queued' : `Queued again, attempt ${state.attempt}`)
  },
  stage(state, data, id) {
    const { stage, status, milliseconds } = data
    if (!state.order.includes(stage)) state.order.push(stage)
    state.stages[stage] = { status, milliseconds }
    if (status === 'finished') Object.assign(state, { counts: null, rate: null })
    note(state, id, data, 'stage', stage, status === 'finished' ? milliseconds : undefined)
  },
  started(state, data, id) {
    if (data.base_validation_loss !== undefined) point(state.validation, 0, data.base_validation_loss)
    state.steps = data.steps ?? state.steps
    const held = data.validation_examples ? `, ${data.validation_examples} held out` : ''
    note(state, id, data, 'log', `Training on ${data.examples} examples${held}: ${data.steps} steps, ${data.tokens_total} tokens`)
  },
  progress(state, data) {
    state.progress = data.progress ?? state.progress
    state.secondsLeft = data.seconds_left ?? null
    state.rate = data.tokens_per_second ?? null
    if (data.step !== undefined) {
      Object.assign(state, { step: data.step, steps: data.steps ?? state.steps })
      if (data.loss !== undefined) point(state.train, data.step, data.loss)
    }
    state.counts = data
  },
  validation(state, data, id) {
    point(state.validation, data.step, data.loss)
    note(state, id, data, 'log', `Step ${data.step}: loss on held-out replies ${data.loss.toFixed(3)}`)
  },
  requeued(state, data, id) {
    Object.assign(state, { outcome: null, secondsLeft: null, rate: null })
    note(state, id, data, 'mark', `Waits to go on: ${data.reason}`)
  },
  retrying(state, data, id) {
    Object.assign(state, { outcome: null, secondsLeft: null, rate: null })
    note(state, id, data, 'bad', `${data.step}: ${data.message}`, 
      `Tried again in ${data.delay_seconds} s, ${data.retry + 1} of ${data.max_attempts}.`)
  },
  // Of a job that a worker takes up again, or of training that goes on from a checkpoint.
  resumed(state, data, id) {
    note(
      state, id, data, 'mark',
      data.step === undefined
        ? `Goes on${data.attempt ? `, attempt ${data.attempt}` : ''}`
        : `Goes on from step ${data.step}`,
    )
  },
  stopped_early(state, data, id) {
    state.steps = data.step
    note(state, id, data, 'log', data.message ?? `Stopped early at step ${data.step}: the held-out loss no longer falls`)
  },
  resources(state, data, id) {
    const megabytes = Math.round((data.peak_memory_bytes ?? 0) / 1e6)
    note(state, id, data, 'log', `Training took ${Math.round(data.seconds)} s and at most ${megabytes} MB of memory`)
  },
  // Of a job that has a schedule, or runs again when its data changes: its runs are jobs of their own.
  run_started(state, data, id) {
    note(
      state, id, data, 'mark', data.cause === 'schedule' ? 'Its schedule started a run' : 'Changed data started a run'
    )
  },
  schedule_skipped(state, data, id) { note(state, id, data, 'mark', `A run was left out: ${data.reason}`) },
  evaluation(state, data, id) {
    note(state, id, data, 'log', data.message ?? (data.arm ? `Measured: ${armName(data.arm)}` : 'Measuring'))
  },
  log(state, data, id) { note(state, id, data, 'log', data.message, data.hint) },
  completed(state, data, id) {
    Object.assign(state, { outcome: 'completed', progress: 1, secondsLeft: null, rate: null, counts: null })
    note(state, id, data, 'ok', `Finished: release ${data.release_number}`)
  },
  failed(state, data, id) {
    Object.assign(state, { outcome: 'failed', secondsLeft: null, rate: null, counts: null })
    note(state, id, data, 'bad', `${data.step}: ${data.message}`, data.hint)
  },
  stopped(state, data, id) {
    Object.assign(state, { outcome: 'stopped', secondsLeft: null, rate: null, counts: null })
    note(state, id, data, 'mark', 'Stopped')
  },
}
