import { html } from '../lib/html.js'
import { get, mine, post } from '../lib/api.js'
import { plural, span, when } from '../lib/format.js'
import { action, every, pages } from '../lib/resource.js'
import { ErrorNote, Loaded, LoadMore } from '../shared/Basics.js'
import { Icon } from '../shared/Icon.js'
import { Modal } from '../shared/Modal.js'
import { events, states } from './WebhookForm.js'

const PAGE = 50
const pretty = (body) => { try { return JSON.stringify(JSON.parse(body), null, 2) } catch { return body } }

/** What a webhook was sent and what waits; one that has ended is sent again. Emits `close`. */
export const WebhookDeliveries = {
  props: { webhook: Object },
  emits: ['close'],
  setup(props, { emit }) {
    const path = mine(`webhooks/${props.webhook.id}/deliveries`)
    const log = pages((cursor) => get(path, { limit: PAGE, cursor }))
    // Not where older pages are open, which a reload would close.
    every(2000, () => { if (log.items.length <= PAGE) log.reload() })
    const again = action(async (one) => { await post(`${path}/${one.id}/redeliver`); await log.reload() })
    const delivery = (one) => html`<li key=${one.id} class="top">
      <div class="grow stack tight">
        <div class="row wrap-row">
          <span class="strong">${events[one.event_type] ?? one.event_type}</span>
          <span class=${['badge', states[one.state][0]]}><i class="dot"></i>${states[one.state][1]}</span>
        </div>
        <p class="small muted wrap">
          ${when(one.created_at)}, ${plural(one.attempts, 'try', 'tries')}
          ${one.status ? `, answered ${one.status}` : ''}
          ${one.milliseconds !== undefined ? ` in ${span(one.milliseconds)}` : ''}
        </p>
        ${one.error && one.state !== 'delivered' && html`<p class="small bad wrap">
          ${one.error}
          ${one.next_at ? `. Again at ${when(one.next_at)}` : ''}
        </p>`}
        <details class="fold">
          <summary class="small"><${Icon} name="right" /> What it says</summary>
          <div><pre class="code" tabindex="0">${pretty(one.body)}</pre></div>
        </details>
      </div>
      ${one.state !== 'pending' && html`<button class="button tight" disabled=${again.isBusy}
        aria-label=${`Send again: ${one.event_type}, ${when(one.created_at)}`} onClick=${() => again.run(one)}>
        Send again
      </button>`}
    </li>`
    return () => html`<${Modal} title="Deliveries" kind="drawer" onClose=${() => emit('close')}>
      <p class="small muted wrap">${props.webhook.url}</p>
      <${ErrorNote} error=${again.error} />
      <${Loaded} of=${log}>
        ${log.items.length
          ? html`<ul class="list" aria-label="Deliveries">${log.items.map(delivery)}</ul>`
          : html`<p class="empty">Nothing was sent yet. “Test” sends a ping.</p>`}
        <${LoadMore} list=${log} />
      </>
    </>`
  },
}
