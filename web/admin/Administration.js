import { html } from '../lib/html.js'
import { get } from '../lib/api.js'
import { resource } from '../lib/resource.js'
import { toast } from '../lib/toasts.js'
import { AdminAudit } from './AdminAudit.js'
import { AdminHealth } from './AdminHealth.js'
import { AdminJobs } from './AdminJobs.js'
import { AdminUsers } from './AdminUsers.js'
import { AdminWorkers } from './AdminWorkers.js'
import { Loaded, PageHead, Tabs } from '../shared/Basics.js'
import { LimitsForm } from '../shared/LimitsForm.js'

/** Limits of users that have none of their own. */
const AdminLimits = {
  setup() {
    const limits = resource(() => get('/api/admin/limits'))
    return () => html`<section class="card stack">
      <div>
        <h2>For everybody</h2>
        <p class="small muted">These apply to users that have no limits of their own. An empty field sets no limit.</p>
      </div>
      <${Loaded} of=${limits}>
        ${limits.data && html`<${LimitsForm} path="/api/admin/limits" settings=${limits.data}
          onSaved=${() => toast('Saved. The limits apply from the next request')} />`}
      </>
    </section>`
  },
}

const screens = {
  users: ['Users', AdminUsers],
  limits: ['Quotas', AdminLimits],
  jobs: ['All jobs', AdminJobs],
  workers: ['Workers', AdminWorkers],
  health: ['Health', AdminHealth],
  audit: ['Audit log', AdminAudit],
}

export const Administration = {
  props: { id: String },
  setup(props) {
    document.title = 'Administration · Atelier'
    return () => {
      const current = Object.hasOwn(screens, props.id ?? '') ? props.id : 'users'
      const [, Screen] = screens[current]
      return html`<div class="page">
        <${PageHead} title="Administration" text="For superusers: everybody's accounts, limits and work." />
        <${Tabs} label="Administration" current=${current}
          items=${Object.entries(screens).map(([id, [name]]) => ({ id, name, href: `#/admin/${id}` }))} />
        <${Screen} key=${current} />
      </div>`
    }
  },
}
