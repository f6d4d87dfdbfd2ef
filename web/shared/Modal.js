import { onBeforeUnmount, onMounted, ref } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { asked, settle } from '../lib/confirm.js'
import { newId } from '../lib/forms.js'
import { Icon } from './Icon.js'

/**
 * The browser's own dialog: focus stays inside, Escape closes, and goes back to where it was.
 * Slots: default (body), foot. Emits `close`, and `submit` where `isForm`.
 */
export const Modal = {
  props: { title: String, kind: String, isForm: Boolean, canClose: { type: Boolean, default: true } },
  emits: ['close', 'submit'],
  setup(props, { emit, slots }) {
    const element = ref(null)
    const id = newId('dialog')
    const before = document.activeElement
    onMounted(() => element.value.showModal())
    onBeforeUnmount(() => {
      element.value.close()
      if (before?.isConnected) before.focus()
    })
    const close = () => { if (props.canClose) emit('close') }
    const onCancel = (event) => { event.preventDefault(); close() }
    return () => {
      const inside = html`
        <div class="dialog-head">
          <h2 id=${id} class="grow">${props.title}</h2>
          ${props.canClose && html`<button type="button" class="button quiet icon-only tight" aria-label="Close"
            onClick=${close}>
            <${Icon} name="close" />
          </button>`}
        </div>
        <div class="dialog-body" tabindex="-1">${slots.default()}</div>
        ${slots.foot && html`<div class="dialog-foot">${slots.foot()}</div>`}
      `
      return html`<dialog ref=${element} class=${props.kind} aria-labelledby=${id} onCancel=${onCancel}>${props.isForm
        ? html`<form novalidate onSubmit=${(event) => { event.preventDefault(); emit('submit') }}>${inside}</form>`
        : html`<div class="dialog-form">${inside}</div>`}</dialog>`
    }
  },
}

/** Shows what `confirm()` asks. */
export const ConfirmDialog = {
  setup: () => () => {
    const question = asked.question
    return question && html`<${Modal} title=${question.title} onClose=${() => settle(false)}>${{
      default: () => html`<p>${question.text}</p>`,
      foot: () => html`<button class="button" autofocus onClick=${() => settle(false)}>Keep</button>
        <button class="button danger primary" onClick=${() => settle(true)}>${question.verb}</button>`,
    }}</>`
  },
}
