// Server-sent events over fetch: EventSource can neither POST nor be told where to go on.
import { get, request } from './api.js'

/**
 * The events of one response, until it ends.
 * @yields {{id: number|null, name: string, data: object}}
 */
export async function* events(method, path, options = {}) {
  const response = await request(method, path, { ...options, headers: { accept: 'text/event-stream', ...options.headers } })
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  let event = { id: null, name: 'message', data: [] }
  try {
    for (;;) {
      const { value, done } = await reader.read()
      if (done) return
      const lines = (rest + value).split('\n')
      rest = lines.pop()
      for (const line of lines) {
        if (line === '') {
          if (event.data.length) yield { id: event.id, name: event.name, data: JSON.parse(event.data.join('\n')) }
          event = { id: event.id, name: 'message', data: [] }
          continue
        }
        const colon = line.indexOf(':')
        const field = colon < 0 ? line : line.slice(0, colon)
        const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
        if (field === 'id') event.id = Number(value)
        else if (field === 'event') event.name = value
        else if (field === 'data') event.data.push(value)
      }
    }
  } finally {
    reader.cancel().catch(() => {})
  }
}

const wait = (milliseconds, signal) => new Promise((resolve) => {
  const timer = setTimeout(resolve, milliseconds)
  signal.addEventListener('abort', () => { clearTimeout(timer); resolve() }, { once: true })
})

/**
 * A job's events from `after` on, each exactly once, over lost connections and restarts of the server, until the job is over.
 * @param onState called with `live`, `reconnecting` or `over`.
 */
export async function followJob(jobPath, after, onEvent, onState, signal) {
  let last = after
  let pause = 250
  while (!signal.aborted) {
    try {
      for await (const event of events('GET', `${jobPath}/events`, { headers: { 'last-event-id': String(last) }, signal })) {
        onState('live')
        pause = 250
        if (event.id <= last) continue
        last = event.id
        onEvent(event)
      }
      const job = await get(jobPath, undefined, { signal })
      if (!['QUEUED', 'RUNNING'].includes(job.status)) return onState('over', last)
    } catch (error) {
      if (signal.aborted) return
      if (error.status >= 400 && error.status < 500) throw error
      onState('reconnecting')
      await wait(pause, signal)
      pause = Math.min(pause * 2, 4000)
    }
  }
}
