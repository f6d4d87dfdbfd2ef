import { reactive } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { text } from '../lib/forms.js'
import { action } from '../lib/resource.js'
import { register, signIn, leave, session } from '../lib/session.js'
import { ErrorNote } from './Basics.js'
import { Field } from './Field.js'
import { Modal } from './Modal.js'

/** Sign in or register; `email` is fixed where a session that has ended is renewed. */
export const SignInForm = {
  props: { isNew: Boolean, email: String },
  emits: ['done'],
  setup(props, { emit }) {
    const form = reactive({ email: props.email ?? '', name: '', password: '' })
    const sending = action(async () => {
      if (props.isNew) await register({ email: form.email, name: form.name || null, password: form.password })
      else await signIn(form.email, form.password)
      form.password = ''
      emit('done')
    })
    const submit = (event) => { event.preventDefault(); sending.run() }
    const fields = ['email', 'name', 'password']
    return () => html`<form class="stack" onSubmit=${submit}>
      <${Field} label="E-mail address" error=${sending.error?.field?.('email')}>${{
        default: (control) => html`<input class="input" type="email" required autocomplete="username"
          autofocus=${!props.email} readonly=${Boolean(props.email)} ...${control} ...${text(form, 'email')} />`,
      }}</>
      ${props.isNew && html`<${Field} label="Name" optional error=${sending.error?.field?.('name')}>${{
        default: (control) => html`<input class="input" autocomplete="name" ...${control} ...${text(form, 'name')} />` }}</>`}
      <${Field} label="Password" error=${sending.error?.field?.('password')}
        hint=${props.isNew ? 'At least 10 characters.' : undefined}>${{
        default: (control) => html`<input class="input" type="password" required
          autocomplete=${props.isNew ? 'new-password' : 'current-password'} autofocus=${Boolean(props.email)}
          ...${control} ...${text(form, 'password')} />`,
      }}</>
      <${ErrorNote} error=${sending.error} fields=${fields} />
      <button class="button primary wide" disabled=${sending.isBusy}>
        ${sending.isBusy ? 'One moment …' : props.isNew ? 'Make the account' : 'Sign in'}
      </button>
    </form>`
  },
}

/** The session has ended while something was on the screen: it stays there, and goes on after signing in. */
export const SessionDialog = {
  setup: () => () => session.hasEnded && html`<${Modal} title="Your session has ended" canClose=${false}>
    <p class="muted">Sign in again to go on. Nothing you typed is lost.</p>
    <${SignInForm} email=${session.user.email} />
    <button class="button quiet" onClick=${leave}>Use another account</button>
  </>`,
}
