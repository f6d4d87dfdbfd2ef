import { reactive } from './vue.js'

export const toasts = reactive([])
let next = 1

/**
 * A short notice that leaves by itself.
 * @param undo {label, act}: a button that takes back what was done.
 */
export function toast(text, { kind = 'ok', undo } = {}) {
  const entry = { id: next++, text, kind, undo }
  toasts.push(entry)
  setTimeout(() => dismiss(entry.id), undo ? 10_000 : 5000)
}

export function dismiss(id) {
  const at = toasts.findIndex((entry) => entry.id === id)
  if (at >= 0) toasts.splice(at, 1)
}
