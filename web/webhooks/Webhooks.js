import { shallowRef } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { get, mine, post, put, remove } from '../lib/api.js'
import { confirm } from '../lib/confirm.js'
import { when } from '../lib/format.js'
import { action, pages } from '../lib/resource.js'
import { toast } from '../lib/toasts.js'
import { EmptyState, ErrorNote, Loaded, LoadMore, Note, PageHead } from '../shared/Basics.js'
import { Icon } from '../shared/Icon.js'
import { WebhookDeliveries } from './WebhookDeliveries.js'
import { WebhookForm, events } from './WebhookForm.js'
import { WebhookSecret } from './WebhookSecret.js'

/** Addresses that are told what happens, and what each was told. */
export const Webhooks = {
  setup() {
    document.title = 'Webhooks · Atelier'
    const webhooks = pages((cursor) => get(mine('webhooks'), { limit: 50, cursor }))
    // {form: webhook or null}, {secret: webhook} or {log: webhook}: the dialog that is open.
    const open = shallowRef(null)
    const close = () => { open.value = null }
    // The form of a new one stays: it has the secret to show.
    const saved = (stored) => { webhooks.reload(); if (stored) { close(); toast('Saved') } }
    const testing = action(async (one) => { await post(mine(`webhooks/${one.id}/test`)); open.value = { log: one } })
    const switching = action(async (one) => {
      await put(mine(`webhooks/${one.id}`), { is_active: !one.is_active })
      await webhooks.reload()
    })
    const deleting = action(async (one) => {
      if (!(await confirm({
        title: 'Delete this webhook?',
        text: `No event is sent to ${one.url} any more, and its log is deleted. To keep the log, switch it off instead.`,
        verb: 'Delete',
      }))) return
      await remove(mine(`webhooks/${one.id}`))
      toast('The webhook is deleted')
      await webhooks.reload()
    })
    const add = () => html`<button class="button primary" onClick=${() => { open.value = { form: null } }}>
      <${Icon} name="plus" /> New webhook
    </button>`
    const webhook = (one) => html`<li class="card stack" key=${one.id}>
      <div class="row wrap-row">
        <h2 class="grow wrap">${one.url}</h2>
        <span class=${['badge', one.is_active ? 'ok' : '']}><i class="dot"></i>${one.is_active ? 'On' : 'Off'}</span>
      </div>
      <p class="small muted wrap">
        ${one.events.length ? one.events.map((name) => events[name] ?? name).join(', ') : 'All events'}.
        Since ${when(one.created_at)}.
      </p>
      ${one.disabled_reason && html`<${Note} kind="warn" icon="warn">Switched off: ${one.disabled_reason}</>`}
      <div class="row wrap-row">
        <button class="button tight" disabled=${testing.isBusy || !one.is_active} onClick=${() => testing.run(one)}>
          <${Icon} name="send" /> Test
        </button>
        <button class="button tight" onClick=${() => { open.value = { log: one } }}>Deliveries</button>
        <button class="button tight" onClick=${() => { open.value = { form: one } }}>Change</button>
        <button class="button tight" disabled=${switching.isBusy} onClick=${() => switching.run(one)}>
          ${one.is_active ? 'Switch off' : 'Switch on'}
        </button>
        <button class="button tight quiet" onClick=${() => { open.value = { secret: one } }}>New secret</button>
        <button class="button tight quiet" onClick=${() => deleting.run(one)}>Delete</button>
      </div>
    </li>`
    return () => html`<div class="page">
      <${PageHead} title="Webhooks"
        text="Your addresses get a signed call when jobs end and releases change, repeated until they answer.">
        ${add()}
      </>
      <${ErrorNote} error=${testing.error ?? switching.error ?? deleting.error} />
      <${Loaded} of=${webhooks} what="Looking for webhooks">
        ${webhooks.items.length
          ? html`<ul class="stack">${webhooks.items.map(webhook)}</ul><${LoadMore} list=${webhooks} />`
          : html`<div class="card">
            <${EmptyState} icon="hook" title="No webhooks yet">
              <p>
                A program of yours can react to what happens here: test a new release, or alert somebody when a training fails.
              </p>
              ${add()}
            </>
          </div>`}
      </>
      ${open.value?.form !== undefined && html`<${WebhookForm} stored=${open.value.form}
        onSaved=${() => saved(open.value?.form)} onClose=${close} />`}
      ${open.value?.secret && html`<${WebhookSecret} webhook=${open.value.secret} onClose=${close} />`}
      ${open.value?.log && html`<${WebhookDeliveries} webhook=${open.value.log} onClose=${close} />`}
    </div>`
  },
}
