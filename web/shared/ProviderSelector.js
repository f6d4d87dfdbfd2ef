import { computed, reactive, watch } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { action, resource } from '../lib/resource.js'
import { newId } from '../lib/forms.js'
import { isReady, keyState, listProviders, LOCAL, LOCAL_MODEL, priceOf, priceText, testProvider } from '../lib/providers.js'
import { count } from '../lib/format.js'
import { Avatar, ErrorNote, Loaded } from './Basics.js'
import { Field } from './Field.js'
import { Icon } from './Icon.js'

/**
 * Provider and model of a minion. Models are asked of the provider itself, with the stored key.
 * Emits `update:modelValue` with {provider, model_id}.
 */
export const ProviderSelector = {
  props: { modelValue: Object, error: Object },
  emits: ['update:modelValue'],
  setup(props, { emit }) {
    const providers = resource(listProviders)
    const found = reactive({ provider: null, test: null })
    const entry = computed(() => providers.data?.find((one) => one.provider === props.modelValue.provider))
    const listId = newId('models')
    const set = (values) => emit('update:modelValue', { ...props.modelValue, ...values })
    const test = action(async () => {
      const provider = props.modelValue.provider
      const model = entry.value?.key && !found.test?.models?.length ? props.modelValue.model_id : undefined
      const reply = await testProvider(provider, model || undefined)
      if (provider === props.modelValue.provider) Object.assign(found, { provider, test: reply })
    })
    const models = computed(() => (found.provider === props.modelValue.provider ? found.test?.models ?? [] : []))
    const chosen = computed(() => models.value.find((model) => model.id === props.modelValue.model_id))
    watch(() => [props.modelValue.provider, Boolean(providers.data)], () => {
      test.error = null
      if (entry.value && entry.value.provider !== LOCAL && isReady(entry.value) && found.provider !== entry.value.provider) test.run()
    }, { immediate: true })

    function choose(event) {
      const provider = event.target.value
      set({ provider, model_id: provider === LOCAL ? LOCAL_MODEL : '' })
    }

    const group = (label, entries) =>
      entries.length > 0 && html`<optgroup label=${label}>
        ${entries.map((one) => html`<option key=${one.provider} value=${one.provider}
          selected=${one.provider === props.modelValue.provider}>
          ${one.name}
        </option>`)}
      </optgroup>`

    function status() {
      const one = entry.value
      if (!one) return null
      const [kind, words] = keyState(one)
      return html`
        <div class="row wrap-row">
          <${Avatar} small id=${one.provider} name=${one.name} />
          <span class=${['badge', kind]}><i class="dot"></i>${words}</span>
          <span class="small muted">
            ${one.provider === LOCAL
              ? 'Free: no provider is called'
              : priceText(priceOf(one, props.modelValue.model_id, chosen.value?.price))}
          </span>
          <span class="grow"></span>
          ${one.provider === LOCAL
            ? null
            : isReady(one)
              ? html`<button type="button" class="button tight" disabled=${test.isBusy} onClick=${test.run}>
                  <${Icon} name="retry" spin=${test.isBusy} /> ${test.isBusy ? 'Testing …' : 'Test'}
                </button>`
              : html`<a class="button tight" href=${`#/providers?add=${one.provider}`}><${Icon} name="key" /> Add a key</a>`}
        </div>
        ${found.provider === one.provider && found.test && html`<p class=${['small', found.test.ok ? 'ok' : 'bad']}
          role="status">
          ${found.test.message}
          ${models.value.length ? ` ${count(models.value.length)} models.` : ''}
        </p>`}
        <${ErrorNote} error=${test.error} />
      `
    }

    return () => html`<${Loaded} of=${providers} what="Asking for the providers">
      <div class="stack">
        <div class="fields">
          <${Field} label="Provider" error=${props.error?.field?.('provider')}>${{
            default: (control) => html`
              <select class="select" ...${control} onChange=${choose}>
                ${!entry.value && html`<option value="" selected>Choose …</option>`}
                ${group('Ready', (providers.data ?? []).filter(isReady))}
                ${group('Needs a key or an address', (providers.data ?? []).filter((one) => !isReady(one)))}
              </select>`,
          }}</>
          <${Field} label="Model" error=${props.error?.field?.('model_id')}
            hint=${models.value.length ? 'Pick one the provider listed, or type any name.' : undefined}>${{
            default: (control) => html`
              <input class="input" ...${control} list=${listId} autocomplete="off" spellcheck="false"
                readonly=${props.modelValue.provider === LOCAL} value=${props.modelValue.model_id}
                placeholder="as the provider names it" onInput=${(event) => set({ model_id: event.target.value })} />
              <datalist id=${listId}>
                ${models.value.map((model) => html`<option value=${model.id}>
                  ${model.context_length ? `${count(model.context_length)} tokens` : ''}
                </option>`)}
              </datalist>
            `,
          }}</>
        </div>
        ${status()}
      </div>
    </>`
  },
}
