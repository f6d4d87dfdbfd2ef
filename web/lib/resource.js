// What the server owns is asked for and shown, never kept a second time: a view holds the reply it shows and asks again.
import { onScopeDispose, shallowReactive } from './vue.js'

/**
 * A reply that is loaded now and again with `reload()`; a newer call's reply wins over an older one's.
 * @returns reactive {data, error, isLoading, reload}
 */
export function resource(load, { immediate = true } = {}) {
  let run = 0
  const state = shallowReactive({ data: null, error: null, isLoading: false })
  state.reload = async () => {
    const mine = ++run
    state.isLoading = true
    try {
      const data = await load()
      if (mine === run) Object.assign(state, { data, error: null })
    } catch (error) {
      if (mine === run && error.name !== 'AbortError') state.error = error
    } finally {
      if (mine === run) state.isLoading = false
    }
    return state.data
  }
  if (immediate) state.reload()
  return state
}

/** A paged list: `load(cursor)` gives a page. `more()` adds the next. */
export function pages(load, options) {
  const state = resource(() => load(undefined), options)
  const own = shallowReactive({ isAdding: false })
  return {
    get data() { return state.data },
    set data(data) { state.data = data },
    get error() { return state.error },
    get isLoading() { return state.isLoading },
    reload: state.reload,
    get items() { return state.data?.items ?? [] },
    get hasMore() { return Boolean(state.data?.next_cursor) },
    get isAdding() { return own.isAdding },
    async more() {
      own.isAdding = true
      const before = state.data
      try {
        const page = await load(before.next_cursor)
        // What was loaded anew meanwhile is another list.
        if (state.data === before) state.data = {
          ...page,
          items: [...state.data.items, ...page.items],
          unreadable: [...(state.data.unreadable ?? []), ...(page.unreadable ?? [])],
        }
      } catch (error) { state.error = error } finally { own.isAdding = false }
    },
  }
}

/** Calls `act` every so often while the view is shown and the window visible. */
export function every(milliseconds, act) {
  const timer = setInterval(() => { if (!document.hidden) act() }, milliseconds)
  onScopeDispose(() => clearInterval(timer))
}

/**
 * Something a button does.
 * @returns reactive {isBusy, error, run(...)}; run gives `undefined` where it failed.
 */
export function action(act) {
  const state = shallowReactive({ isBusy: false, error: null })
  state.run = async (...values) => {
    if (state.isBusy) return undefined
    Object.assign(state, { isBusy: true, error: null })
    try { return await act(...values) } catch (error) {
      if (error.name !== 'AbortError') state.error = error
      return undefined
    } finally { state.isBusy = false }
  }
  return state
}
