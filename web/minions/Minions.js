import { ref } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { get, mine } from '../lib/api.js'
import { isoDay, zone } from '../lib/format.js'
import { pages, resource } from '../lib/resource.js'
import { go } from '../lib/router.js'
import { toast } from '../lib/toasts.js'
import { EmptyState, Loaded, LoadMore, PageHead } from '../shared/Basics.js'
import { Icon } from '../shared/Icon.js'
import { MinionCard } from './MinionCard.js'
import { MinionForm } from './MinionForm.js'
import { Modal } from '../shared/Modal.js'

export const Minions = {
  setup() {
    document.title = 'Minions · Atelier'
    const minions = pages((cursor) => get(mine('minions'), { limit: 24, cursor }))
    const month = new Date()
    month.setDate(1)
    const usage = resource(async () => {
      const reply = await get(mine('usage'), { from: isoDay(month), group_by: 'minion', tz: zone(), limit: 1 })
      return new Map(reply.report.rows.map((row) => [row.minion_id, row]))
    })
    const isMaking = ref(false)
    const made = (minion) => {
      isMaking.value = false
      toast(`${minion.display_name} is made. Train it, or ask it something.`)
      go(`minions/${minion.id}`)
    }
    const newButton = () => html`<button class="button primary" onClick=${() => { isMaking.value = true }}>
      <${Icon} name="plus" /> New minion
    </button>`
    return () => html`<div class="page">
      <${PageHead} title="Minions"
        text="Each answers with a model you choose, in a voice you teach it, from documents you give it.">
        ${newButton()}
      </>
      <${Loaded} of=${minions} what="Looking for your minions">
        ${minions.items.length
          ? html`
              <ul class="cards">
                ${minions.items.map((minion) => html`<${MinionCard} key=${minion.id} minion=${minion}
                  usage=${usage.data?.get(minion.id)} />`)}
              </ul>
              <${LoadMore} list=${minions} />
            `
          : html`<div class="card">
            <${EmptyState} icon="minions" title="No minion yet">
              <p>
                Begin with a name and a model. The local model is free and runs on this server; other providers need a
                key.
              </p>
              <div class="row">
                ${newButton()}
                <a class="button" href="#/providers"><${Icon} name="providers" /> Add a provider</a>
              </div>
            </>
          </div>`}
      </>
      ${isMaking.value && html`<${Modal} title="New minion" kind="large" onClose=${() => { isMaking.value = false }}>
        <${MinionForm} onSaved=${made} />
      </>`}
    </div>`
  },
}
