// The limits of users, minions and keys, in words.
import { bytes, cost, count } from './format.js'

export const limitNames = {
  cost_per_month: 'Cost per month', cost_per_day: 'Cost per day', requests_per_day: 'Requests per day',
  tokens_per_day: 'Tokens per day',
  requests_per_minute: 'Requests per minute', tokens_per_minute: 'Tokens per minute',
  concurrent_requests: 'Requests at a time',
  training_jobs_per_day: 'Trainings per day', storage_bytes: 'Storage', minions: 'Minions', datasets: 'Datasets',
  provider_keys: 'Provider keys',
  provider_definitions: 'Own providers', webhooks: 'Webhooks', training_jobs: 'Training jobs kept',
  event_streams: 'Event streams at a time',
}

/** They hold everywhere, and no person meets them: shown when half is used. */
export const seldomMet = new Set([
  'concurrent_requests',
  'storage_bytes',
  'minions',
  'datasets',
  'provider_keys',
  'provider_definitions',
  'webhooks',
  'training_jobs',
  'event_streams',
])

export function limitFigure(name, value) {
  if (name.startsWith('cost')) return cost(value)
  return name === 'storage_bytes' ? bytes(value) : count(Math.round(value))
}
