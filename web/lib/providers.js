// What the providers' models are called and cost, as far as the server says.
import { get, mine, post } from './api.js'

/** The provider that this server runs itself; it has neither key nor address. */
export const LOCAL = 'local'
export const LOCAL_MODEL = 'smollm2-135m-instruct'

export const listProviders = async () => (await get(mine('providers'))).items
export const testProvider = (provider, model) => post(
  mine(`providers/${encodeURIComponent(provider)}/test${model ? `?model=${encodeURIComponent(model)}` : ''}`),
)

const outcomes = {
  ok: ['ok', 'Key accepted'], unchecked: ['warn', 'Answers, key not proven'],
}

/** The state of a provider for its badge: [kind, words]. */
export function keyState(entry) {
  if (entry.provider === LOCAL) return ['ok', 'Runs on this server']
  const key = entry.key
  if (!key) return entry.needs_key ? ['', 'No key yet'] : ['', entry.default_base_url ? 'No key needed' : 'No address yet']
  if (!key.is_active) return ['', 'Switched off']
  if (!key.test_outcome) return ['warn', 'Never tested']
  return outcomes[key.test_outcome] ?? ['bad', `Failed: ${key.test_outcome.replaceAll('_', ' ')}`]
}

/** Whether minions can be answered by it now. */
export const isReady = (entry) =>
  entry.provider === LOCAL
    || (entry.needs_key ? Boolean(entry.key?.is_active) : Boolean(entry.default_base_url || entry.key?.is_active))

/** US dollars per million tokens, or that nobody knows. */
export const priceText = (price) => (price ? `$${price.input} in, $${price.output} out per million tokens` : 'Price unknown')

/** What a key's owner pays for a model: their own entry, one for all models, else the server's table. */
export function priceOf(entry, model, listed) {
  const own = entry?.key?.prices ?? []
  return own.find((price) => price.model === model) ?? own.find((price) => !price.model) ?? listed ?? null
}
