import { html } from '../lib/html.js'
import { get, remove } from '../lib/api.js'
import { confirm } from '../lib/confirm.js'
import { ago, when } from '../lib/format.js'
import { action, resource } from '../lib/resource.js'
import { leave, session } from '../lib/session.js'
import { toast } from '../lib/toasts.js'
import { ErrorNote, Loaded, PageHead } from '../shared/Basics.js'
import { PasswordForm } from './PasswordForm.js'

/** "Firefox on Linux": what a client called itself, in a few words; what is not a browser's keeps its own. */
function device(agent) {
  if (!agent) return 'Unknown client'
  const first = (names) => names.find(([, pattern]) => pattern.test(agent))?.[0]
  const browser = first([
    ['Edge', /\bEdg/],
    ['Opera', /\bOPR\//],
    ['Firefox', /\b(Firefox|FxiOS)\//],
    ['Chrome', /\b(Chrome|CriOS)\//],
    ['Safari', /\bSafari\//],
  ])
  if (!browser) return agent.split(' ')[0]
  const system = first([['Android', /Android/], ['iOS', /iPhone|iPad/], ['Windows', /Windows/], ['macOS', /Mac OS X/], ['Linux', /Linux/]])
  return system ? `${browser} on ${system}` : browser
}

/** One's own password, and where one is signed in. */
export const Account = {
  setup() {
    document.title = 'Account · Atelier'
    const sessions = resource(async () => (await get('/api/me/sessions')).items)
    const ending = action(async (one) => {
      await remove(`/api/me/sessions/${one.id}`)
      toast('That session has ended')
      await sessions.reload()
    })
    const endingAll = action(async () => {
      if (!(await confirm({
        title: 'Sign out everywhere?',
        text: 'All your sessions end, this one too. Minion tokens keep working.',
        verb: 'Sign out everywhere',
      }))) return
      await remove('/api/me/sessions')
      leave()
    })
    const row = (one) => html`<tr key=${one.id}>
      <th scope="row" class="wrap"><span style="color: var(--ink)" title=${one.agent}>${device(one.agent)}</span></th>
      <td class="wrap">${one.address ?? 'unknown'}</td>
      <td class="nowrap" title=${when(one.last_seen)}>${ago(one.last_seen)}</td>
      <td class="nowrap">${when(one.created_at)}</td>
      <td>
        <div class="row" style="justify-content: flex-end">
          ${one.is_current
            ? html`<span class="badge ok"><i class="dot"></i>This one</span>`
            : html`<button class="button tight" disabled=${ending.isBusy}
              aria-label=${`End the session of ${device(one.agent)}, last used ${ago(one.last_seen)}`}
              onClick=${() => ending.run(one)}>
              End
            </button>`}
        </div>
      </td>
    </tr>`
    return () => html`<div class="page">
      <${PageHead} title="Account" text=${session.user.email} />
      <div class="stack loose">
        <section class="card stack" aria-labelledby="account-password">
          <h2 id="account-password">Password</h2>
          <p class="small muted">A new password ends all your other sessions.</p>
          <${PasswordForm} onChanged=${sessions.reload} />
        </section>
        <section class="stack" aria-labelledby="account-sessions">
          <div class="row wrap-row">
            <h2 id="account-sessions" class="grow">Where you are signed in</h2>
            <button class="button" disabled=${endingAll.isBusy} onClick=${() => endingAll.run()}>
              Sign out everywhere
            </button>
          </div>
          <${ErrorNote} error=${ending.error ?? endingAll.error} />
          <${Loaded} of=${sessions}>
            <div class="card flush scroll-x" tabindex="0" role="region" aria-label="Sessions">
              <table>
                <thead>
                  <tr>
                    <th scope="col">Client</th>
                    <th scope="col">Address</th>
                    <th scope="col">Last used</th>
                    <th scope="col">Signed in</th>
                    <th scope="col"><span class="hidden">What can be done</span></th>
                  </tr>
                </thead>
                <tbody>${sessions.data?.map(row)}</tbody>
              </table>
            </div>
          </>
        </section>
      </div>
    </div>`
  },
}
