import { html } from '../lib/html.js'
import { route } from '../lib/router.js'
import { session, signOut } from '../lib/session.js'
import { nextTheme, theme } from '../lib/theme.js'
import { toast } from '../lib/toasts.js'
import { Icon } from './Icon.js'

const links = [
  ['minions', 'Minions', 'minions'], ['playground', 'Playground', 'playground'], ['training', 'Training', 'training'],
  ['datasets', 'Data', 'datasets'], ['providers', 'Providers', 'providers'], ['webhooks', 'Webhooks', 'hook'], ['usage', 'Usage', 'usage'],
]
const themes = { auto: ['auto', 'System theme'], light: ['sun', 'Light theme'], dark: ['moon', 'Dark theme'] }

async function leave() {
  try { await signOut() } catch (error) { toast(error.message, { kind: 'bad' }) }
}

/** Navigation around the screen that is shown. */
export const AppShell = {
  setup(_, { slots }) {
    const link = ([to, name, icon]) => html`<a class="nav-link" key=${to} href=${`#/${to}`}
      aria-current=${(route.parts[0] ?? 'minions') === to || (to === 'datasets' && route.parts[0] === 'collections') ? 'page' : undefined}>
      <${Icon} name=${icon} /> ${name}</a>`
    return () => html`<div class="shell">
      <a class="skip" href="#main"
        onClick=${(event) => { event.preventDefault(); document.getElementById('main').focus() }}>
        Skip to content
      </a>
      <nav class="nav" aria-label="Main">
        <a class="brand" href="#/minions"><${Mark} /> Atelier</a>
        ${links.map(link)}
        ${session.user.role === 'superuser' && link(['admin', 'Admin', 'admin'])}
        <div class="nav-foot">
          <button class="nav-link" onClick=${nextTheme} title="Change the theme">
            <${Icon} name=${themes[theme.value][0]} /> <span>${themes[theme.value][1]}</span>
          </button>
          ${link(['account', 'Account', 'account'])}
          <button class="nav-link" onClick=${leave}><${Icon} name="leave" /> Sign out</button>
          <p class="nav-who tiny muted" title=${session.user.email}>${session.user.email}</p>
        </div>
      </nav>
      <main class="main" id="main" tabindex="-1">${slots.default()}</main>
    </div>`
  },
}

export const Mark = () => html`<svg viewBox="0 0 32 32" aria-hidden="true">
  <rect width="32" height="32" rx="8" fill="#0a6656" />
  <path d="M8.5 24L16 8l7.5 16M11.5 18.5h9" fill="none" stroke="#fff" stroke-width="2.6" stroke-linecap="round"
    stroke-linejoin="round" />
</svg>`
