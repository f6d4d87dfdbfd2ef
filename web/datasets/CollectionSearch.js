import { reactive, ref, shallowRef } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { mine, post } from '../lib/api.js'
import { number, text } from '../lib/forms.js'
import { plural, span } from '../lib/format.js'
import { action } from '../lib/resource.js'
import { ErrorNote, Segments } from '../shared/Basics.js'
import { DocumentDrawer } from '../shared/DocumentDrawer.js'
import { Icon } from '../shared/Icon.js'
import { PassageList } from '../shared/PassageList.js'

/** Looks passages up as a minion would, and shows why each was found. */
export const CollectionSearch = {
  props: { collection: Object },
  setup(props) {
    const form = reactive({ query: '', strategy: 'hybrid', top_k: 5, rerank: 0 })
    const found = shallowRef(null)
    const opened = ref(null)
    const searching = action(async () => {
      if (!form.query.trim()) return
      const query = form.query
      const reply = await post(mine(`collections/${props.collection.id}/search`), {
        ...form,
        top_k: form.top_k ?? 5,
        rerank: form.rerank ?? 0,
      })
      found.value = { query, reply }
    })
    const submit = (event) => { event.preventDefault(); searching.run() }
    const summary = ({ reply }) => {
      const searched = `${plural(reply.chunks_searched, 'chunk')} in ${plural(reply.documents_searched, 'document')}`
      return `${plural(reply.passages.length, 'passage')} of ${searched}, ${span(reply.milliseconds)}`
    }
    return () => html`<section class="card flush" aria-label="Search">
      <form class="card-head stack tight" role="search" onSubmit=${submit}>
        <div class="row">
          <input class="input" type="search" aria-label="Search in this collection"
            placeholder="Ask as you would ask the minion" ...${text(form, 'query')} />
          <button class="button primary" disabled=${searching.isBusy}><${Icon} name="search" /> Search</button>
        </div>
        <div class="row wrap-row">
          <${Segments} label="How to search"
            options=${[['hybrid', 'Both'], ['dense', 'By meaning'], ['lexical', 'By words']]}
            modelValue=${form.strategy}
            ...${{ 'onUpdate:modelValue': (value) => { form.strategy = value; if (found.value) searching.run() } }} />
          <label class="row small">
            Passages <input class="input" style="width: 4.5rem" min="1" max="100" ...${number(form, 'top_k')} />
          </label>
          <label class="row small">
            Rerank the best <input class="input" style="width: 4.5rem" min="0" max="100" ...${number(form, 'rerank')} />
          </label>
        </div>
        <${ErrorNote} error=${searching.error} />
        ${found.value && html`<p class="small muted" role="status">
          ${summary(found.value)}
          ${found.value.reply.degraded ? `. Degraded: ${found.value.reply.degraded}` : ''}
        </p>`}
      </form>
      ${found.value
        && (found.value.reply.passages.length
          ? html`<${PassageList} passages=${found.value.reply.passages} query=${found.value.query}
              onOpen=${(passage) => { opened.value = passage }} />`
          : html`<p class="empty">Nothing was found. Try other words, or search by meaning.</p>`)}
      ${opened.value && html`<${DocumentDrawer} collectionId=${props.collection.id} passage=${opened.value}
        onClose=${() => { opened.value = null }} />`}
    </section>`
  },
}
