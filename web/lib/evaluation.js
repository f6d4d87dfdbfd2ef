// What a release was measured at, as a table: one row a metric, one column a set-up.
import { count, fixed, percent } from './format.js'
import { sortedArms } from './arms.js'

/** Where less is better; elsewhere more is, as far as the name tells. */
const LESS = /loss|perplexity|latency|milliseconds|cost|tokens|error|distance|refus|contradict|hallucinat/i

export const words = (name) => {
  const text = name.replaceAll('_', ' ').replace(/\bn\b/, '')
  return text[0].toUpperCase() + text.slice(1)
}
export const isLessBetter = (name) => LESS.test(name)

/** A figure with its unit. */
export function figure(value, unit) {
  if (value === null || value === undefined) return '–'
  if (/share|fraction|rate|percent|probability/.test(unit ?? '')) return percent(value, 1)
  if (/usd|dollar|\$/i.test(unit ?? '')) return `$${value < 0.01 && value > 0 ? value.toPrecision(2) : fixed(value, 4)}`
  if (/ms|millisecond/.test(unit ?? '')) return `${count(Math.round(value))} ms`
  const digits = Number.isInteger(value) ? 0 : Math.abs(value) < 10 ? 3 : 1
  return fixed(value, digits) + (unit && !/^(1|none|score|nats?.*)$/.test(unit) ? ` ${unit.replaceAll('_', ' ')}` : '')
}

/** Metrics of an evaluation; where nothing was compared, the losses that training measured. */
export function metricsOf(evaluation) {
  if (evaluation?.metrics?.length) return evaluation.metrics
  const found = []
  const add = (arm, value) => { if (value !== undefined && value !== null) found.push({ name: 'held_out_reply_loss', arm, value, n: evaluation.held_out_examples, unit: 'nats per token' }) }
  if (evaluation) { add('base', evaluation.base_validation_loss); add('voice', evaluation.validation_loss) }
  return found
}

/** @returns {{arms: string[], rows: {name, unit, n, cells: Map}[]}} */
export function ablation(metrics) {
  const rows = new Map()
  for (const metric of metrics) {
    if (!rows.has(metric.name)) rows.set(metric.name, { name: metric.name, unit: metric.unit, n: metric.n, cells: new Map() })
    rows.get(metric.name).cells.set(metric.arm, metric)
  }
  return { arms: sortedArms(metrics.map((metric) => metric.arm)), rows: [...rows.values()] }
}
