import { shallowRef } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { mine, remove } from '../lib/api.js'
import { confirm } from '../lib/confirm.js'
import { ago, plural, span } from '../lib/format.js'
import { keyState, LOCAL, testProvider } from '../lib/providers.js'
import { action } from '../lib/resource.js'
import { toast } from '../lib/toasts.js'
import { Avatar, ErrorNote } from '../shared/Basics.js'
import { Icon } from '../shared/Icon.js'

/** A provider and the keys stored for it. Emits `add`, `edit` (with the key), `changed`. */
export const ProviderCard = {
  props: { entry: Object },
  emits: ['add', 'edit', 'changed'],
  setup(props, { emit }) {
    const found = shallowRef(null)
    const testing = action(async (id) => {
      found.value = null
      found.value = await testProvider(id)
      emit('changed')
    })
    const removing = action(async (key) => {
      if (!(await confirm({
        title: `Remove the key ${key.label} of ${props.entry.name}?`,
        text: 'Minions that rely on it cannot answer until you save it again.',
        verb: 'Remove',
      }))) return
      await remove(mine(`providers/${key.id}`))
      toast('The key is removed')
      emit('changed')
    })
    const stored = (key) => html`<li class="stack tight" key=${key.id}
      style="border-top: 1px solid var(--line); padding-top: 0.6rem">
      <div class="row">
        <code class="grow">${key.key_hint}</code>
        ${props.entry.keys.length > 1 && html`<span class="badge">${key.label}</span>`}
        ${key.tested_at && html`<span class="tiny muted nowrap">tested ${ago(key.tested_at)}</span>`}
      </div>
      ${key.test_message && key.test_outcome !== 'ok' && html`<p class=${[
          'tiny',
          'wrap',
          key.test_outcome === 'unchecked' ? 'muted' : 'bad',
        ]}>
        ${key.test_message}
      </p>`}
      <div class="row wrap-row">
        <button class="button tight" disabled=${testing.isBusy} onClick=${() => testing.run(key.id)}>
          <${Icon} name="retry" spin=${testing.isBusy} /> Test
        </button>
        <button class="button tight" onClick=${() => emit('edit', key)}>Replace</button>
        <button class="button tight quiet" onClick=${() => removing.run(key)}>Remove</button>
      </div>
    </li>`
    return () => {
      const { entry } = props
      const [kind, words] = keyState(entry)
      return html`<li class="card stack">
        <div class="row">
          <${Avatar} id=${entry.provider} name=${entry.name} />
          <div class="grow">
            <h2 class="wrap">${entry.name}</h2>
            <span class=${['badge', kind]}><i class="dot"></i>${words}</span>
          </div>
        </div>
        ${entry.default_base_url && html`<p class="tiny muted wrap">${entry.default_base_url}</p>`}
        ${entry.keys.length > 0 && html`<ul class="stack">${entry.keys.map(stored)}</ul>`}
        ${found.value && html`<p class=${['small', 'wrap', found.value.ok ? 'ok' : 'bad']} role="status">
          ${found.value.message} ${found.value.models.length ? `${plural(found.value.models.length, 'model')}, ` : ''}
          ${span(found.value.milliseconds)}
        </p>`}
        <${ErrorNote} error=${testing.error ?? removing.error} />
        ${entry.provider === LOCAL
          ? html`<p class="small muted">Free and private: a small model that runs on this server.</p>`
          : html`<div class="row wrap-row">
            <button class="button tight" onClick=${() => emit('add')}>
              <${Icon} name="plus" /> ${entry.keys.length ? 'Another key' : entry.needs_key ? 'Add a key' : 'Set up'}
            </button>
            ${!entry.keys.length && !entry.needs_key && entry.default_base_url && html`<button class="button tight"
              disabled=${testing.isBusy} onClick=${() => testing.run(entry.provider)}>
              <${Icon} name="retry" spin=${testing.isBusy} /> Test
            </button>`}
          </div>`}
      </li>`
    }
  },
}
