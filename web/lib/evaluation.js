// What a release was measured at, as a table: one row a metric, one column a set-up.
import { count, fixed, percent } from './format.js'

// The set-ups a release is measured in, in the order they build on each other.
export const arms = {
  base: { name: 'Model alone', color: '--arm-base' },
  knowledge: { name: '+ Knowledge', color: '--arm-knowledge' },
  voice: { name: '+ Voice', color: '--arm-voice' },
  hybrid_draft_first: { name: 'Hybrid', color: '--arm-hybrid' },
  hybrid_restyle_last: { name: 'Hybrid, restyled last', color: '--arm-restyle' },
}

export const armName = (arm) => arms[arm]?.name ?? arm.replaceAll('_', ' ')
const order = Object.keys(arms)
/** Known set-ups first and in their order, others behind them. */
export const sortedArms = (names) => [...new Set(names)].sort((a, b) => (order.indexOf(a) + 1 || 99) - (order.indexOf(b) + 1 || 99))

const names = {
  'voice.perplexity': 'Perplexity of your replies', 'voice.style_score': 'Style match',
  'voice.draft_style_score': 'Style match of the draft', 'voice.style_retention': 'Voice kept by the answer',
  'voice.restyled_share': 'Share that was restyled',
  'knowledge.hit_rate': 'Right passage found', 'knowledge.ndcg': 'Passages in the right order (nDCG)',
  'knowledge.mrr': 'Rank of the first right passage (MRR)',
  'knowledge.citation_correctness': 'Correct citations', 'knowledge.groundedness': 'Sentences the passages support',
  'knowledge.fact_rate': 'Correct facts',
  'meaning.similarity': 'Meaning match', latency_ms: 'Time to answer', latency_p95_ms: 'Time to answer, 95 %',
  cost_usd: 'Cost of an answer',
  'judge.win_rate': 'Preferred by the judge', held_out_reply_loss: 'Loss on held-out replies',
}
/** What a policy of releases can go by: figures that the server knows by these names. */
export const gateMetrics = [...Object.keys(names).filter((name) => name !== 'held_out_reply_loss'), 'validation_loss', 'train_loss']
const LESS = /loss|perplexity|latency|cost/

export function words(name) {
  if (names[name]) return names[name]
  const text = name.replace(/^.*\./, '').replaceAll('_', ' ')
  return text[0].toUpperCase() + text.slice(1)
}
/** Where less is better; elsewhere more is. */
export const isLessBetter = (name) => LESS.test(name)
/** Whether a metric was measured: an unknown cost is null, and is not 0. */
export const isKnown = (metric) => metric?.value !== null && metric?.value !== undefined

/** A figure with its unit. */
export function figure(value, unit) {
  if (value === null || value === undefined) return 'unknown'
  if (unit === 'share') return percent(value, 1)
  if (unit === 'usd') return value === 0 ? '$0' : `$${value < 0.01 ? value.toPrecision(2) : fixed(value, 4)}`
  if (unit === 'ms') return `${count(Math.round(value))} ms`
  return fixed(value, Math.abs(value) < 10 ? 3 : 1)
}

/** Metrics of an evaluation; where nothing was compared, the losses that training measured. */
export function metricsOf(evaluation) {
  if (evaluation?.metrics?.length) return evaluation.metrics
  const found = []
  const add = (arm, value) => {
    if (value !== undefined && value !== null) found.push({
      name: 'held_out_reply_loss',
      arm,
      value,
      n: evaluation.held_out_examples,
      unit: 'nats',
    })
  }
  if (evaluation) { add('base', evaluation.base_validation_loss); add('voice', evaluation.validation_loss) }
  return found
}

/** What a release was trained on, and what its voice was measured at; a voice nobody measured is not called learned. */
export function described({ number, adapter_id, collection_id, evaluation }) {
  const has = [adapter_id && 'a trained voice', collection_id && 'an index of your documents'].filter(Boolean)
  if (!has.length) return `Release ${number} has neither a voice nor documents.`
  const { base_validation_loss: alone, validation_loss: trained } = evaluation ?? {}
  const voice = !adapter_id ? ''
    : !isKnown({ value: alone }) || !isKnown({ value: trained }) ? ' The voice was not measured.'
    : ` Loss on held-out replies: ${fixed(trained, 2)} with the voice, ${fixed(alone, 2)} without.`
  return `Release ${number} has ${has.join(' and ')}.${voice}`
}

/** @returns {{arms: string[], rows: {name, unit, cells: Map}[]}} */
export function ablation(metrics) {
  const rows = new Map()
  for (const metric of metrics) {
    if (!rows.has(metric.name)) rows.set(metric.name, { name: metric.name, unit: metric.unit, cells: new Map() })
    rows.get(metric.name).cells.set(metric.arm, metric)
  }
  return { arms: sortedArms(metrics.map((metric) => metric.arm)), rows: [...rows.values()] }
}
