import { onMounted, watchEffect } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { action } from '../lib/resource.js'
import { go, route } from '../lib/router.js'
import { session, signInByLink } from '../lib/session.js'
import { Mark } from '../shared/AppShell.js'
import { ErrorNote, Loading } from '../shared/Basics.js'
import { SignInForm } from '../shared/SignInForm.js'

/** What is seen before anybody is signed in: sign in, register, or come in by a one-time link. */
export const SignIn = {
  setup() {
    const link = action(async () => {
      const [, code, ...to] = route.parts
      await signInByLink(code)
      // The code has been used; it need not stay in the history either.
      history.replaceState(null, '', '#/minions')
      go(to.join('/') || 'minions')
    })
    function enter() {
      const wanted = sessionStorage.getItem('atelier-wanted')
      sessionStorage.removeItem('atelier-wanted')
      go(wanted ? wanted.slice(2) : 'minions')
    }
    onMounted(() => { if (route.parts[0] === 'welcome') link.run() })
    watchEffect(() => { document.title = `${route.parts[0] === 'register' ? 'Register' : 'Sign in'} · Atelier` })
    return () => {
      if (session.user && route.parts[0] !== 'welcome') queueMicrotask(enter)
      if (route.parts[0] === 'welcome' && !link.error) return html`<main class="entry"><${Loading} what="Signing you in" /></main>`
      const isNew = route.parts[0] === 'register'
      return html`<main class="entry"><div class="entry-card">
        <div class="brand" style="padding: 0"><${Mark} /> Atelier</div>
        <div class="stack tight"><h1 tabindex="-1">${isNew ? 'Make an account' : 'Sign in'}</h1>
          <p class="muted">${isNew
            ? 'Your minions, data and keys are yours alone on this server.'
            : 'Minions answer with an external model, in a voice you teach them, from documents you give them.'}</p></div>
        ${link.error && html`<${ErrorNote} error=${link.error} />`}
        <div class="card"><${SignInForm} key=${isNew} isNew=${isNew} onDone=${enter} /></div>
        <p class="muted">${isNew ? 'You have an account? ' : 'New here? '}
          <a href=${isNew ? '#/sign-in' : '#/register'}>${isNew ? 'Sign in' : 'Make an account'}</a></p>
      </div></main>`
    }
  },
}
