// The address after # says which screen is shown; the server never sees it.
import { reactive } from './vue.js'

/** `path` without #, its `parts`, and `query`. */
export const route = reactive({ path: '', parts: [], query: {} })

function read() {
  const [path, query = ''] = location.hash.replace(/^#\/?/, '').split('?')
  route.path = path
  route.parts = path.split('/').filter(Boolean).map(decodeURIComponent)
  route.query = Object.fromEntries(new URLSearchParams(query))
}

addEventListener('hashchange', read)
read()

export const go = (path) => { location.hash = `#/${path}` }

/** Another address for the same screen, without a step in the history. */
function replace(path) {
  history.replaceState(null, '', `#/${path}`)
  read()
}

/** The screen's address with these query values set; null removes one. */
export function setQuery(values) {
  const query = new URLSearchParams({ ...route.query })
  for (const [name, value] of Object.entries(values)) value === null || value === '' ? query.delete(name) : query.set(name, value)
  replace(query.size ? `${route.path}?${query}` : route.path)
}
