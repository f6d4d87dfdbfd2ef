import { computed, reactive, ref, watch } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { get, mine } from '../lib/api.js'
import { described } from '../lib/evaluation.js'
import { given } from '../lib/forms.js'
import { stagesOf } from '../lib/orders.js'
import { resource } from '../lib/resource.js'
import { go } from '../lib/router.js'
import { EmptyState, Loaded, PageHead } from '../shared/Basics.js'
import { ChatPane } from './ChatPane.js'
import { ChatSettings } from './ChatSettings.js'
import { Icon } from '../shared/Icon.js'

/** A minion's own settings, to begin with. */
const standard = (minion) => ({
  use_draft: minion.provider === 'local' ? false : minion.pipeline.use_draft ?? true,
  use_passages: minion.pipeline.use_passages ?? true,
  adapter_scale: minion.pipeline.adapter_scale ?? 1, top_k: minion.pipeline.top_k ?? 5, temperature: null,
  max_tokens: null, order: minion.pipeline.order,
})

/** The fields of a question: a stage that the order does not have is not asked for. */
function asked({ use_draft, use_passages, ...others }) {
  const { draft, passages } = stagesOf(others.order)
  return given({ ...others, use_draft: draft ? use_draft : undefined, use_passages: passages ? use_passages : undefined })
}

/** Ask a minion, in one conversation or in two side by side that get the same questions. */
export const Playground = {
  props: { id: String },
  setup(props) {
    document.title = 'Playground · Atelier'
    const minions = resource(async () => (await get(mine('minions'), { limit: 100 })).items)
    const minion = computed(() => minions.data?.find((one) => one.id === props.id)
      ?? minions.data?.find((one) => one.release_id) ?? minions.data?.[0])
    const release = resource(async () => {
      if (!minion.value?.release_id) return null
      const { items } = await get(mine(`minions/${minion.value.id}/releases`), { limit: 100 })
      return items.find((one) => one.id === minion.value.release_id)
    }, { immediate: false })
    const settings = reactive([{}, {}])
    const isComparing = ref(false)
    const question = ref('')
    const panes = [ref(null), ref(null)]
    watch(() => minion.value?.id, () => {
      if (!minion.value) return
      settings[0] = standard(minion.value)
      // The second begins as the bare model, which is what one most wants to compare with.
      settings[1] = { ...standard(minion.value), use_draft: false, use_passages: false, adapter_scale: 0 }
      release.reload()
    }, { immediate: true })

    const shown = () => panes.slice(0, isComparing.value ? 2 : 1).map((pane) => pane.value).filter(Boolean)
    const isBusy = computed(() => panes.some((pane) => pane.value?.isBusy))
    function ask() {
      const text = question.value.trim()
      if (!text || isBusy.value) return
      question.value = ''
      for (const pane of shown()) pane.ask(text)
    }
    const onKeydown = (event) => {
      if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) { event.preventDefault(); ask() }
    }
    const invitation = () => html`<div class="empty">
      <${Icon} name="playground" />
      <h2>${minion.value.display_name} is ready</h2>
      <p>
        ${release.data
          ? `${described(release.data)} Ask it something.`
          : 'It is not trained yet, so the model answers alone. Ask it something, or train it first.'}
      </p>
      ${!release.data && html`<a class="button" href=${`#/training?new=${minion.value.id}`}>
        <${Icon} name="training" /> Train it
      </a>`}
    </div>`
    const pane = (index) => html`<${ChatPane} key=${`${minion.value.id}-${index}`} ref=${panes[index]}
      minion=${minion.value} settings=${asked(settings[index])}
      title=${isComparing.value ? ['A', 'B'][index] : undefined}>
      ${invitation()}
    </>`

    const chat = () => html`<div class="playground">
      <div>
        <div class="panes">${pane(0)}${isComparing.value && pane(1)}</div>
        <form class="composer" onSubmit=${(event) => { event.preventDefault(); ask() }}>
          <textarea class="textarea" rows="1" aria-label="Your question"
            placeholder=${`Ask ${minion.value.display_name}`} autofocus value=${question.value}
            onInput=${(event) => { question.value = event.target.value }} onKeydown=${onKeydown}></textarea>
          ${isBusy.value
            ? html`<button type="button" class="button" onClick=${() => shown().forEach((one) => one.stop())}>
                <${Icon} name="stop" /> Stop
              </button>`
            : html`<button class="button primary" disabled=${!question.value.trim()}><${Icon} name="send" /> Ask</button>`}
        </form>
      </div>
      <div class="stack">
        <${ChatSettings} title=${isComparing.value ? 'A' : 'This conversation'} settings=${settings[0]}
          hasVoice=${Boolean(release.data?.adapter_id)} hasKnowledge=${Boolean(release.data?.collection_id)} />
        ${isComparing.value && html`<${ChatSettings} title="B" settings=${settings[1]}
          hasVoice=${Boolean(release.data?.adapter_id)} hasKnowledge=${Boolean(release.data?.collection_id)} />`}
      </div>
    </div>`

    return () => html`<div class="page">
      <${PageHead} title="Playground">
        ${minion.value && html`
          <select class="select" style="width: auto" aria-label="Minion" value=${minion.value.id}
            onChange=${(event) => go(`playground/${event.target.value}`)}>
            ${minions.data.map((one) => html`<option key=${one.id} value=${one.id}>${one.display_name}</option>`)}
          </select>
          <button class="button" aria-pressed=${String(isComparing.value)}
            onClick=${() => { isComparing.value = !isComparing.value }}>
            <${Icon} name="compare" /> ${isComparing.value ? 'One conversation' : 'Compare two'}
          </button>
          <button class="button quiet" onClick=${() => shown().forEach((one) => one.clear())}>Start over</button>
        `}
      </>
      <${Loaded} of=${minions} what="Looking for minions">
        ${minion.value
          ? chat()
          : html`<div class="card">
            <${EmptyState} icon="minions" title="Nobody to ask yet">
              <p>Make a minion first. The local model is free and needs no key.</p>
              <a class="button primary" href="#/minions">To the minions</a>
            </>
          </div>`}
      </>
    </div>`
  },
}
