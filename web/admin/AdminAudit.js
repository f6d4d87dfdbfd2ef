import { html } from '../lib/html.js'
import { get } from '../lib/api.js'
import { when } from '../lib/format.js'
import { pages, resource } from '../lib/resource.js'
import { Loaded, LoadMore } from '../shared/Basics.js'

/** Who did what to whom. */
export const AdminAudit = {
  setup() {
    const entries = pages((cursor) => get('/api/admin/audit-log', { limit: 50, cursor }))
    const users = resource(async () => new Map((await get('/api/admin/users', { limit: 100 })).items.map((one) => [one.id, one.email])))
    const who = (id) => users.data?.get(id) ?? id
    const actor = (one) => who(one.actor_id)
      ?? (one.address?.startsWith('command:')
        ? one.address.replace('command:', 'command by ')
        : one.address ? 'nobody signed in' : 'the server')
    return () => html`<${Loaded} of=${entries}>
      <div class="card flush scroll-x" tabindex="0" role="region" aria-label="Audit log">
        <table>
          <thead>
            <tr>
              <th scope="col">When</th>
              <th scope="col">Who</th>
              <th scope="col">From</th>
              <th scope="col">What</th>
              <th scope="col">To</th>
            </tr>
          </thead>
          <tbody>
            ${entries.items.map((one) => html`<tr key=${one.id}>
              <td class="nowrap">${when(one.at)}</td>
              <td class="wrap">${actor(one)}</td>
              <td class="nowrap">${one.address?.startsWith('command:') ? '' : one.address}</td>
              <td><code>${one.action}</code>${one.times > 1 && html` <span class="muted">${one.times}×</span>`}</td>
              <td class="wrap small">
                ${one.target ? who(one.target) : ''} <span class="muted">
                  ${Object.entries(one.detail).map(([name, value]) => `${name} ${value}`).join(', ')}
                </span>
              </td>
            </tr>`)}
          </tbody>
        </table>
        <${LoadMore} list=${entries} />
      </div>
    </>`
  },
}
