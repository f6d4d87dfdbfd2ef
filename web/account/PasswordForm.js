import { reactive } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { put } from '../lib/api.js'
import { text } from '../lib/forms.js'
import { action } from '../lib/resource.js'
import { session } from '../lib/session.js'
import { toast } from '../lib/toasts.js'
import { ErrorNote } from '../shared/Basics.js'
import { Field } from '../shared/Field.js'

/** Changes one's own password. Emits `changed`: the other sessions have ended. */
export const PasswordForm = {
  emits: ['changed'],
  setup(_, { emit }) {
    const form = reactive({ current_password: '', new_password: '' })
    const changing = action(async () => {
      await put('/api/me/password', { ...form })
      Object.assign(form, { current_password: '', new_password: '' })
      toast('Your password is changed')
      emit('changed')
    })
    const submit = (event) => { event.preventDefault(); changing.run() }
    const fields = ['current_password', 'new_password']
    const password = (name, label, autocomplete, hint) => html`<${Field} label=${label} hint=${hint}
      error=${changing.error?.field?.(name)}>${{
      default: (control) => html`<input class="input" type="password" required autocomplete=${autocomplete}
        ...${control} ...${text(form, name)} />`,
    }}</>`
    return () => html`<form class="stack" onSubmit=${submit}>
      <input class="hidden" type="email" autocomplete="username" readonly tabindex="-1" aria-hidden="true"
        value=${session.user.email} />
      <div class="fields">
        ${password('current_password', 'Current password', 'current-password')}
        ${password('new_password', 'New password', 'new-password', 'At least 10 characters.')}
      </div>
      <${ErrorNote} error=${changing.error} fields=${fields} />
      <div>
        <button class="button primary" disabled=${changing.isBusy}>
          ${changing.isBusy ? 'Changing …' : 'Change the password'}
        </button>
      </div>
    </form>`
  },
}
