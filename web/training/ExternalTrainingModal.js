import { computed, reactive, ref } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { create, get, mine, newKey, put } from '../lib/api.js'
import { checked, given, text } from '../lib/forms.js'
import { types } from '../lib/jobs.js'
import { beginOf, PLAN_FIELDS, planForm, planOf } from '../lib/plan.js'
import { isReady, keyState, listProviders } from '../lib/providers.js'
import { action, resource } from '../lib/resource.js'
import { DatasetPicker } from './DatasetPicker.js'
import { ErrorNote, Loaded } from '../shared/Basics.js'
import { Field } from '../shared/Field.js'
import { Icon } from '../shared/Icon.js'
import { Modal } from '../shared/Modal.js'
import { ProviderSelector } from '../shared/ProviderSelector.js'
import { TrainingEstimate } from './TrainingEstimate.js'
import { TrainingPlan } from './TrainingPlan.js'
import { TrainingSettings } from './TrainingSettings.js'
import { TrainingTypeCards } from './TrainingTypeCards.js'

/** A new training job: what is missing stands beside the button. Emits `made` with the job. */
export const ExternalTrainingModal = {
  props: { minionId: String },
  emits: ['close', 'made'],
  setup(props, { emit }) {
    const form = reactive({
      job_name: '',
      minion_id: props.minionId ?? '',
      training_type: 'hybrid',
      dataset_ids: [],
      allow_duplicate: false,
    })
    const config = reactive({})
    const plan = reactive(planForm())
    const model = reactive({ value: null })
    const known = ref([])
    const key = newKey()
    const minions = resource(async () => {
      const { items } = await get(mine('minions'), { limit: 100 })
      if (!items.some((one) => one.id === form.minion_id)) form.minion_id = items.length === 1 ? items[0].id : ''
      return items
    })
    const providers = resource(listProviders)
    const minion = computed(() => minions.data?.find((one) => one.id === form.minion_id))
    const answering = computed(() => model.value ?? (minion.value && { provider: minion.value.provider, model_id: minion.value.model_id }))
    const chosen = computed(() => known.value.filter((one) =>
      form.dataset_ids.includes(one.id) && types[form.training_type].needs.includes(one.dataset_type)))
    const settings = computed(() => {
      const { evaluation_examples: examples, replaced_tags: tags = '', ...others } = Object.fromEntries(Object.entries(
        given(config),
      ).filter(([, value]) => value !== ''))
      if (others.collection_update === 'replace_matching') others.collection_filter = {
        tags_any: tags.split(',').map((tag) => tag.trim()).filter(Boolean),
      }
      return examples ? { ...others, evaluation: { examples } } : others
    })
    const missing = computed(() => {
      const wants = types[form.training_type].needs
      const entry = providers.data?.find((one) => one.provider === answering.value?.provider)
      return [
        !form.minion_id && 'Choose a minion.',
        answering.value && !answering.value.model_id && 'Name the model that answers.',
        entry && !isReady(entry) && `${entry.name}: ${keyState(entry)[1].toLowerCase()}.`,
        wants.includes('jsonl') && !chosen.value.some((one) => one.dataset_type === 'jsonl') && 'Pick examples of the voice.',
        wants.includes('rag') && !chosen.value.some((one) => one.dataset_type === 'rag') && 'Pick documents.',
        plan.begin === 'at' && !plan.run_at && 'Say when it begins.',
      ].filter(Boolean)
    })
    const body = computed(() => ({
      minion_id: form.minion_id, training_type: form.training_type, dataset_ids: chosen.value.map((one) => one.id),
      config: settings.value,
    }))
    const starting = action(async () => {
      if (missing.value.length) return
      if (model.value) await put(mine(`minions/${form.minion_id}`), model.value)
      emit(
        'made',
        await create(
          mine('external-training/jobs'),
          {
            ...body.value, ...planOf(plan), ...beginOf(plan), job_name: form.job_name.trim() || null,
            ...(form.allow_duplicate && { allow_duplicate: true }),
          },
          key
        ),
      )
    })

    const selector = () =>
      minion.value && html`<${ProviderSelector} key=${form.minion_id} error=${starting.error}
        modelValue=${answering.value} ...${{ 'onUpdate:modelValue': (value) => { model.value = value } }} />`

    return () => html`<${Modal} title="New training" kind="large" isForm onClose=${() => emit('close')}
      onSubmit=${starting.run}>${{
      default: () => html`<${Loaded} of=${minions} what="Looking for minions">
        <div class="stack loose">
          <div class="fields">
            <${Field} label="Minion" error=${starting.error?.field?.('minion_id')}>${{
              default: (control) => html`<select class="select" ...${control} value=${form.minion_id}
                onChange=${(event) => { form.minion_id = event.target.value; model.value = null }}>
                <option value="" disabled>Choose …</option>
                ${minions.data?.map((one) => html`<option key=${one.id} value=${one.id}>${one.display_name}</option>`)}
              </select>`,
            }}</>
            <${Field} label="Name of the job" optional error=${starting.error?.field?.('job_name')}>${{
              default: (control) => html`
                <input class="input" maxlength="200" placeholder="Training" ...${control} ...${text(form, 'job_name')} />`,
            }}</>
          </div>
          ${minions.data?.length === 0 && html`<p class="note">
            There is no minion to train yet. <a href="#/minions">Make one first</a>.
          </p>`}
          <${TrainingTypeCards} modelValue=${form.training_type}
            ...${{ 'onUpdate:modelValue': (value) => { form.training_type = value } }} />
          <section class="stack tight">
            <h3>Who answers</h3>
            ${selector() || html`<p class="small muted">Choose a minion first.</p>`}
          </section>
          <section class="stack tight">
            <h3>Data</h3>
            <${DatasetPicker} type=${form.training_type} modelValue=${form.dataset_ids}
              onLoaded=${(items) => { known.value = [...new Map([...known.value, ...items].map((one) => [one.id, one])).values()] }}
              ...${{ 'onUpdate:modelValue': (value) => { form.dataset_ids = value } }} />
          </section>
          <section class="stack tight">
            <h3>Settings</h3>
            <${TrainingSettings} config=${config} type=${form.training_type} error=${starting.error} />
            <details class="fold" open=${PLAN_FIELDS.some((name) => starting.error?.field?.(name)) || undefined}>
              <summary><${Icon} name="right" /> When it runs</summary>
              <div><${TrainingPlan} form=${plan} error=${starting.error} isNew /></div>
            </details>
          </section>
          <${TrainingEstimate} body=${missing.value.length ? null : body.value} isForAnother=${Boolean(model.value)} />
          <${ErrorNote} error=${starting.error} fields=${['minion_id', 'job_name', ...PLAN_FIELDS]} />
          ${starting.error?.code === 'duplicate_job' && html`<label class="check">
            <input ...${checked(form, 'allow_duplicate')} />
            <span>Make it anyway</span>
          </label>`}
        </div>
      </>`,
      foot: () => html`
        ${missing.value.length
          ? html`<ul class="missing" id="missing" aria-label="Still missing">
              ${missing.value.map((words) => html`<li><${Icon} name="info" /> ${words}</li>`)}
            </ul>`
          : html`<p class="small muted grow">${types[form.training_type].name}, ${chosen.value.length} datasets.</p>`}
        <button type="button" class="button" onClick=${() => emit('close')}>Cancel</button>
        <button class="button primary" aria-describedby=${missing.value.length ? 'missing' : undefined}
          aria-disabled=${missing.value.length ? 'true' : undefined} disabled=${starting.isBusy}>
          <${Icon} name="play" /> ${starting.isBusy ? 'Starting …' : plan.begin === 'later' ? 'Make the job' : 'Start training'}
        </button>
      `,
    }}</>`
  },
}
