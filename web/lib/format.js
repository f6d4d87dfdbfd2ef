// Numbers and times as the viewer writes them.
const number = new Intl.NumberFormat()
const compact = new Intl.NumberFormat(undefined, { notation: 'compact', maximumFractionDigits: 1 })
const dateTime = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })
const dateOnly = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' })
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' })

export const count = (value) => number.format(value)
export const short = (value) => (value < 10_000 ? number.format(value) : compact.format(value))
/** "1 minion", "3 minions" */
export const plural = (value, one, many = `${one}s`) => `${number.format(value)} ${value === 1 ? one : many}`
export const fixed = (value, digits = 3) =>
  value.toLocaleString(undefined, { minimumFractionDigits: digits, maximumFractionDigits: digits })
export const percent = (value, digits = 0) => value.toLocaleString(undefined, { style: 'percent', maximumFractionDigits: digits })

/** US dollars; an unknown cost is unknown, never 0. */
export function cost(value) {
  if (value === null || value === undefined) return 'unknown'
  if (value === 0) return '$0'
  return value < 0.01 ? `$${value.toPrecision(2)}` : `$${fixed(value, 2)}`
}

export function bytes(value) {
  const units = ['B', 'kB', 'MB', 'GB']
  let step = 0
  while (value >= 1000 && step < units.length - 1) { value /= 1000; step += 1 }
  return `${value.toLocaleString(undefined, { maximumFractionDigits: step && value < 10 ? 1 : 0 })} ${units[step]}`
}

/** A length of time: "420 ms", "3.2 s", "4 min 10 s". */
export function span(milliseconds) {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`
  const seconds = milliseconds / 1000
  if (seconds < 60) return `${seconds < 10 ? fixed(seconds, 1) : Math.round(seconds)} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

export const when = (text) => dateTime.format(new Date(text))
export const day = (text) => dateOnly.format(new Date(text.length === 10 ? `${text}T12:00` : text))

/** "3 minutes ago", "yesterday" */
export function ago(text, now = Date.now()) {
  const seconds = (new Date(text) - now) / 1000
  for (const [unit, size] of [['year', 31_536_000], ['month', 2_592_000], ['day', 86_400], ['hour', 3600], ['minute', 60]]) {
    if (Math.abs(seconds) >= size) return relative.format(Math.round(seconds / size), unit)
  }
  return 'just now'
}

/** The viewer's zone as the API wants it: +02:00. */
export function zone(date = new Date()) {
  const minutes = -date.getTimezoneOffset()
  const two = (value) => String(Math.floor(Math.abs(value))).padStart(2, '0')
  return minutes === 0 ? 'Z' : `${minutes < 0 ? '-' : '+'}${two(minutes / 60)}:${two(minutes % 60)}`
}

/** A day of the viewer's zone as 2026-11-23. */
export function isoDay(date) {
  const two = (value) => String(value).padStart(2, '0')
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
}
