import { computed, shallowRef, watch } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { get, mine, remove } from '../lib/api.js'
import { confirm } from '../lib/confirm.js'
import { LOCAL, listProviders } from '../lib/providers.js'
import { action, pages, resource } from '../lib/resource.js'
import { route, setQuery } from '../lib/router.js'
import { toast } from '../lib/toasts.js'
import { ErrorNote, Loaded, LoadMore, PageHead } from '../shared/Basics.js'
import { EndpointForm } from './EndpointForm.js'
import { Icon } from '../shared/Icon.js'
import { ProviderCard } from './ProviderCard.js'
import { ProviderKeyForm } from './ProviderKeyForm.js'

export const Providers = {
  setup() {
    document.title = 'Providers · Atelier'
    const providers = resource(listProviders)
    const own = pages((cursor) => get(mine('provider-definitions'), { limit: 50, cursor }))
    // {entry, key}: the form for a key; {endpoint}: the form for a provider of one's own.
    const open = shallowRef(null)
    const isSetUp = (entry) => entry.keys.length > 0 || entry.provider === LOCAL
    const ready = computed(() => (providers.data ?? []).filter(isSetUp))
    const others = computed(() => (providers.data ?? []).filter((entry) => !isSetUp(entry)))
    watch(() => [route.query.add, providers.data], () => {
      const entry = providers.data?.find((one) => one.provider === route.query.add)
      if (entry && !open.value) open.value = { entry }
    }, { immediate: true })
    const close = () => { open.value = null; setQuery({ add: null }) }
    function saved(reply) {
      close()
      providers.reload()
      own.reload()
      toast(reply.test ? `${reply.name}: ${reply.test.message}` : 'Saved', { kind: reply.test && !reply.test.ok ? 'bad' : 'ok' })
    }
    const removing = action(async (one) => {
      if (!(await confirm({
        title: `Remove ${one.definition.name}?`,
        text: 'Minions that use it fail when they are asked.',
        verb: 'Remove',
      }))) return
      await remove(mine(`provider-definitions/${one.id}`))
      providers.reload()
      own.reload()
    })
    const cards = (entries) => html`<ul class="cards">
      ${entries.map((entry) => html`<${ProviderCard} key=${entry.provider} entry=${entry} onChanged=${providers.reload}
        onAdd=${() => { open.value = { entry } }} onEdit=${(key) => { open.value = { entry, key } }} />`)}
    </ul>`

    return () => html`<div class="page">
      <${PageHead} title="Providers"
        text="Who answers for your minions. Keys are stored encrypted, tried when you save them, and never shown
          again.">
        <button class="button" onClick=${() => { open.value = { endpoint: {} } }}>
          <${Icon} name="plus" /> Your own provider
        </button>
      </>
      <${Loaded} of=${providers} what="Asking for the providers">
        <div class="stack loose">
          ${cards(ready.value)}
          ${own.items.length > 0 && html`<section class="card flush">
            <div class="card-head"><h2>Your own</h2></div>
            <ul class="list">
              ${own.items.map((one) => html`<li key=${one.id}>
                <div class="grow">
                  <span class="title">${one.definition.name}</span>
                  <p class="small muted wrap">${one.provider} · ${one.definition.base_url}</p>
                </div>
                <button class="button tight" onClick=${() => { open.value = { endpoint: { stored: one } } }}>
                  Edit
                </button>
                <button class="button tight quiet" onClick=${() => removing.run(one)}>Remove</button>
              </li>`)}
            </ul>
            <${LoadMore} list=${own} />
          </section>`}
          <${ErrorNote} error=${removing.error} />
          <section class="stack"><h2>Not set up</h2>${cards(others.value)}</section>
        </div>
      </>
      ${open.value?.entry && html`<${ProviderKeyForm} entry=${open.value.entry} stored=${open.value.key}
        onSaved=${saved} onClose=${close} />`}
      ${open.value?.endpoint && html`<${EndpointForm} stored=${open.value.endpoint.stored} onSaved=${saved} onClose=${close} />`}
    </div>`
  },
}
