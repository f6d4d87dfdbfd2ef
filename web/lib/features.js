// Which routes this server has, by its own description; asked once, and only by screens that need to know.
import { get } from './api.js'

let asked

/** Whether the server describes a route, e.g. `has('post', '/api/users/{user_id}/…')`. */
export async function has(method, path) {
  asked ??= get('/openapi.json').catch((error) => { asked = undefined; throw error })
  const description = await asked
  return Boolean(description.paths[path]?.[method])
}
