import { html } from '../lib/html.js'
import { get } from '../lib/api.js'
import { bytes, count, span } from '../lib/format.js'
import { every, resource } from '../lib/resource.js'
import { ErrorNote, Loaded } from '../shared/Basics.js'

/** The sums of Prometheus' text by name, over all labels. */
function parse(text) {
  const sums = new Map()
  for (const line of text.split('\n')) {
    const found = /^([a-zA-Z_:][\w:]*)(?:\{.*\})? ([-+.\deE]+)$/.exec(line)
    if (found) sums.set(found[1], (sums.get(found[1]) ?? 0) + Number(found[2]))
  }
  return sums
}

const shown = [
  ['Memory', /^process_resident_memory_bytes$/, bytes], ['Processor time', /^process_cpu_seconds_total$/, (value) => span(value * 1000)],
  ['Open files', /^process_open_fds$/, count], ['Calls of providers', /^gen_ai_client_operation_duration(_seconds)?_count$/, count],
]

/** Whether the server can answer, and what it takes. */
export const AdminHealth = {
  setup() {
    const health = resource(async () => {
      // 503 is an answer too: it says what is missing.
      const ready = await get('/ready').catch((error) => {
        if (error.status === 503) return { status: 'not ready', database: 'see the log', engine: error.message }
        throw error
      })
      const version = await get('/health')
      const response = await fetch('/metrics')
      const sums = parse(await response.text())
      const figures = shown.map(([name, pattern, format]) => [
        name,
        [...sums].find(([metric]) => pattern.test(metric))?.[1],
        format,
      ]).filter(([, value]) => value !== undefined)
      return { ready, version, figures, sums: [...sums].filter(([name]) => !/_bucket$|_sum$|_created$/.test(name)) }
    })
    every(5000, health.reload)
    return () => html`<${Loaded} of=${health}>
      ${health.data && html`<div class="stack">
        <${ErrorNote} error=${health.error} />
        <div class="tiles">
          ${[
            ['Server', `version ${health.data.version.version}`, true],
            ['Database', health.data.ready.database, health.data.ready.database === 'ok'],
            ['Engine', health.data.ready.engine, health.data.ready.engine === 'ok'],
            ['Sandbox', health.data.ready.sandbox ?? 'unknown', health.data.ready.sandbox === 'ok'],
          ].map(([name, words, isOk]) => html`<div class="tile" key=${name}>
            <p class="small muted">${name}</p>
            <p class=${['strong', 'wrap', isOk ? 'ok' : 'bad']}>${words}</p>
          </div>`)}
          ${health.data.figures.map(([name, value, format]) => html`<div class="tile" key=${name}>
            <p class="small muted">${name}</p>
            <p class="strong number">${format(value)}</p>
          </div>`)}
        </div>
        <details class="fold">
          <summary>All counters</summary>
          <p class="small muted"><a href="/metrics">As Prometheus reads them</a></p>
          <div class="card flush scroll-x">
            <table>
              <tbody>
                ${health.data.sums.map(([name, value]) => html`<tr key=${name}>
                  <th scope="row"><code>${name}</code></th>
                  <td class="number">${value.toLocaleString(undefined, { maximumFractionDigits: 3 })}</td>
                </tr>`)}
              </tbody>
            </table>
          </div>
        </details>
      </div>`}
    </>`
  },
}
