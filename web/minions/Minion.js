import { ref } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { get, mine, remove } from '../lib/api.js'
import { confirm } from '../lib/confirm.js'
import { when } from '../lib/format.js'
import { action, resource } from '../lib/resource.js'
import { go } from '../lib/router.js'
import { toast } from '../lib/toasts.js'
import { Avatar, ErrorNote, Facts, Loaded, PageHead, Tabs } from '../shared/Basics.js'
import { Icon } from '../shared/Icon.js'
import { MinionForm } from './MinionForm.js'
import { ReleaseHistory } from '../shared/releases/ReleaseHistory.js'
import { ReleasePolicy } from './ReleasePolicy.js'
import { Snippets } from './Snippets.js'
import { TokenDialog } from './TokenDialog.js'

export const Minion = {
  props: { id: String, tab: String },
  setup(props) {
    const minion = resource(() => get(mine(`minions/${props.id}`)))
    const isMakingToken = ref(false)
    const deleting = action(async () => {
      const name = minion.data.display_name
      if (!(await confirm({
        title: `Delete ${name}?`,
        text: 'Its releases, training jobs and answers are deleted, and adapters and collections only it uses. This cannot be undone.',
        verb: 'Delete',
      }))) return
      await remove(mine(`minions/${props.id}`))
      toast(`${name} is deleted`)
      go('minions')
    })
    function saved(changed) {
      minion.data = changed
      toast('Saved')
    }
    const closeToken = () => { isMakingToken.value = false; minion.reload() }

    const connect = (one) => html`<div class="stack loose">
      <section class="card stack">
        <div class="row between wrap-row">
          <div>
            <h2>Token</h2>
            <p class="muted small">
              ${one.token_hint
                ? `A program holds the token that ends in ${one.token_hint}.`
                : 'No program has a token for this minion yet.'}
            </p>
          </div>
          <button class="button" onClick=${() => { isMakingToken.value = true }}>
            <${Icon} name="key" /> ${one.token_hint ? 'Make a new one' : 'Make a token'}
          </button>
        </div>
      </section>
      <section class="card stack">
        <div>
          <h2>Ask it from a program</h2>
          <p class="muted small">
            Any OpenAI client works, and Anthropic's at the same address. These read the token from the variable
            ATELIER_TOKEN.
          </p>
        </div>
        <${Snippets} minion=${one} />
      </section>
    </div>`

    const settings = (one) => html`<div class="stack loose">
      <section class="card"><${MinionForm} minion=${one} onSaved=${saved} /></section>
      <section class="card stack">
        <h2>Delete</h2>
        <p class="muted small">Asked once more before anything happens.</p>
        <${ErrorNote} error=${deleting.error} />
        <div>
          <button class="button danger" onClick=${deleting.run}><${Icon} name="trash" /> Delete this minion</button>
        </div>
      </section>
    </div>`

    return () => {
      const one = minion.data
      document.title = `${one?.display_name ?? 'Minion'} · Atelier`
      const tab = props.tab ?? 'releases'
      const tabs = [['releases', 'Releases'], ['connect', 'Connect'], ['settings', 'Settings']]
        .map(([id, name]) => ({ id, name, href: `#/minions/${props.id}/${id}` }))
      return html`<div class="page">
        <${PageHead} title=${one?.display_name ?? 'Minion'} back=${{ href: '#/minions', text: 'Minions' }}>
          <a class="button primary" href=${`#/playground/${props.id}`}><${Icon} name="playground" /> Ask</a>
          <a class="button" href=${`#/training?new=${props.id}`}><${Icon} name="training" /> Train</a>
        </>
        <${Loaded} of=${minion}>
          ${one && html`<div class="stack loose">
            <div class="row top">
              <${Avatar} id=${one.id} name=${one.display_name} />
              <${Facts} items=${[
                  ['Provider', one.provider],
                  ['Model', one.model_id],
                  ['Fallbacks', one.fallbacks.length || 'none'],
                  ['Changed', when(one.updated_at)],
                ]} />
            </div>
            <${Tabs} label="Minion" items=${tabs} current=${tab} />
            ${tab === 'connect'
              ? connect(one)
              : tab === 'settings'
                ? settings(one)
                : html`<div class="stack loose">
                  <${ReleaseHistory} minion=${one} onChanged=${minion.reload} />
                  <${ReleasePolicy} minion=${one} onSaved=${saved} />
                </div>`}
          </div>`}
        </>
        ${isMakingToken.value && html`<${TokenDialog} minion=${one} onClose=${closeToken} />`}
      </div>`
    }
  },
}
