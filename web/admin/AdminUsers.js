import { shallowRef } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { get, put } from '../lib/api.js'
import { confirm } from '../lib/confirm.js'
import { day } from '../lib/format.js'
import { action, pages, resource } from '../lib/resource.js'
import { session } from '../lib/session.js'
import { toast } from '../lib/toasts.js'
import { ErrorNote, Loaded, LoadMore } from '../shared/Basics.js'
import { LimitsForm } from '../shared/LimitsForm.js'
import { Modal } from '../shared/Modal.js'

/** Everybody's accounts, with their limits. */
export const AdminUsers = {
  setup() {
    const users = pages((cursor) => get('/api/admin/users', { limit: 50, cursor }))
    const limited = shallowRef(null)
    const limits = resource(() => get(`/api/admin/users/${limited.value.id}/limits`), { immediate: false })
    const changing = action(async (user, is_active) => {
      if (!is_active
        && !(await confirm({
          title: `Close ${user.email}?`,
          text: 'Their sessions and their minions’ tokens end at once. What they own stays, and you can open the account again.',
          verb: 'Close the account',
        }))) return
      await put(`/api/admin/users/${user.id}`, { is_active })
      users.reload()
      toast(
        is_active ? `${user.email} may sign in again` : `${user.email} is closed`,
        is_active ? {} : { undo: { label: 'Open it again', act: () => changing.run(user, true) } },
      )
    })
    const limit = (user) => { limits.data = null; limited.value = user; limits.reload() }
    return () => html`<div class="stack">
      <${ErrorNote} error=${changing.error} />
      <${Loaded} of=${users}>
        <div class="card flush scroll-x" tabindex="0" role="region" aria-label="Users">
          <table>
            <thead>
              <tr>
                <th scope="col">Account</th>
                <th scope="col">Role</th>
                <th scope="col">State</th>
                <th scope="col">Since</th>
                <th scope="col"><span class="hidden">What can be done</span></th>
              </tr>
            </thead>
            <tbody>
              ${users.items.map((user) => html`<tr key=${user.id}>
                <th scope="row" class="wrap">
                  <span style="color: var(--ink)">${user.name}</span>
                  <div class="small">${user.email}</div>
                </th>
                <td>${user.role}</td>
                <td>
                  <span class=${['badge', user.is_active ? 'ok' : 'bad']}>${user.is_active ? 'open' : 'closed'}</span>
                </td>
                <td class="nowrap">${day(user.created_at)}</td>
                <td>
                  <div class="row" style="justify-content: flex-end">
                    <button class="button tight" onClick=${() => limit(user)}>Limits</button>
                    ${user.id !== session.user.id && html`<button class="button tight"
                      onClick=${() => changing.run(user, !user.is_active)}>
                      ${user.is_active ? 'Close' : 'Open'}
                    </button>`}
                  </div>
                </td>
              </tr>`)}
            </tbody>
          </table>
          <${LoadMore} list=${users} />
        </div>
      </>
      ${limited.value && html`<${Modal} title=${`Limits of ${limited.value.email}`} kind="large"
        onClose=${() => { limited.value = null }}>
        <p class="small muted">A value overrides the default; an empty field keeps the default.</p>
        <${Loaded} of=${limits}>
          ${limits.data && html`<${LimitsForm} path=${`/api/admin/users/${limited.value.id}/limits`}
            settings=${limits.data} onSaved=${() => { limited.value = null; toast('Saved') }} />`}
        </>
      </>`}
    </div>`
  },
}
