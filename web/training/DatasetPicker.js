import { computed } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { get, mine } from '../lib/api.js'
import { trainableNote } from '../lib/examples.js'
import { bytes, plural } from '../lib/format.js'
import { types } from '../lib/jobs.js'
import { pages } from '../lib/resource.js'
import { Loaded, LoadMore } from '../shared/Basics.js'
import { DatasetUpload } from '../shared/DatasetUpload.js'

const kinds = { jsonl: ['Examples of the voice', 'example'], rag: ['Documents', 'document'] }

/** Datasets of the kinds a training needs: picked from what is there, or dropped in. Emits `update:modelValue` with ids. */
export const DatasetPicker = {
  props: { modelValue: Array, type: String },
  emits: ['update:modelValue', 'loaded'],
  setup(props, { emit }) {
    const datasets = pages(async (cursor) => {
      const page = await get(mine('training-datasets'), { limit: 100, cursor })
      emit('loaded', page.items)
      return page
    })
    const usable = computed(() => datasets.items.filter((one) => one.is_active && types[props.type].needs.includes(one.dataset_type)))
    const toggle = (id, isIn) => emit('update:modelValue', isIn ? [...props.modelValue, id] : props.modelValue.filter((one) => one !== id))
    async function arrived(dataset) {
      await datasets.reload()
      if (types[props.type].needs.includes(dataset.dataset_type)) toggle(dataset.id, true)
    }
    const group = (kind) => {
      const items = usable.value.filter((one) => one.dataset_type === kind)
      return html`<fieldset class="stack tight" key=${kind}>
        <legend class="small strong">${kinds[kind][0]}</legend>
        ${items.length === 0 && html`<p class="small muted">None yet: drop some below.</p>`}
        ${items.map((one) => html`<label class="check" key=${one.id}>
          <input type="checkbox" checked=${props.modelValue.includes(one.id)}
            onChange=${(event) => toggle(one.id, event.target.checked)} />
          <span class="wrap">
            ${one.dataset_name} <span class="small muted">
              ${plural(one.sample_count, kinds[kind][1])}${trainableNote(one)}, ${bytes(one.bytes)}
            </span>
          </span>
        </label>`)}
      </fieldset>`
    }
    return () => html`<div class="stack"><${Loaded} of=${datasets} what="Looking for datasets">
      <div class="fields">${types[props.type].needs.map(group)}</div><${LoadMore} list=${datasets} /></>
      <${DatasetUpload} isSmall onUploaded=${arrived} /></div>`
  },
}
