// What this server can do, by its own description; asked once, and only by screens that need to know.
import { get } from './api.js'

let asked

function description() {
  asked ??= get('/openapi.json').catch((error) => { asked = undefined; throw error })
  return asked
}

/** Whether the server has a route, e.g. `has('post', '/api/users/{user_id}/…')`. */
export const has = async (method, path) => Boolean((await description()).paths[path]?.[method])

/** Whether an object of the API has a field, e.g. `knows('TrainingConfig', 'evaluation')`. */
export const knows = async (schema, field) => Boolean((await description()).components.schemas[schema]?.properties?.[field])
