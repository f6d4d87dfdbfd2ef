// The page: finds out who is there, and shows the screen that the address names.
import { createApp, defineAsyncComponent, nextTick, watch } from './lib/vue.js'
import { html } from './lib/html.js'
import { go, route } from './lib/router.js'
import { resume, session } from './lib/session.js'
import { AppShell } from './shared/AppShell.js'
import { Loading, ErrorNote } from './shared/Basics.js'
import { ConfirmDialog } from './shared/Modal.js'
import { SessionDialog } from './shared/SignInForm.js'
import { Toasts } from './shared/Toasts.js'

const screen = (load) => defineAsyncComponent({
  loader: load, delay: 120, loadingComponent: () => html`<${Loading} />`,
  errorComponent: (props) => html`<${ErrorNote} error=${props.error} />`,
})

// The address's first word, and for some a second: with what is behind it as `id` and `tab`.
const screens = {
  minions: screen(async () => (await import('./minions/Minions.js')).Minions),
  'minions/': screen(async () => (await import('./minions/Minion.js')).Minion),
  playground: screen(async () => (await import('./playground/Playground.js')).Playground),
  training: screen(async () => (await import('./training/ExternalTraining.js')).ExternalTraining),
  'training/': screen(async () => (await import('./training/TrainingJob.js')).TrainingJob),
  datasets: screen(async () => (await import('./datasets/Datasets.js')).Datasets),
  'datasets/': screen(async () => (await import('./datasets/Dataset.js')).Dataset),
  'collections/': screen(async () => (await import('./datasets/Collection.js')).Collection),
  providers: screen(async () => (await import('./providers/Providers.js')).Providers),
  webhooks: screen(async () => (await import('./webhooks/Webhooks.js')).Webhooks),
  usage: screen(async () => (await import('./usage/Usage.js')).Usage),
  account: screen(async () => (await import('./account/Account.js')).Account),
  admin: screen(async () => (await import('./admin/Administration.js')).Administration),
}
const outside = screen(async () => (await import('./sign-in/SignIn.js')).SignIn)

const App = {
  setup() {
    watch(() => route.path, async () => {
      await nextTick()
      document.querySelector('h1')?.focus({ preventScroll: true })
      scrollTo(0, 0)
    })
    return () => {
      const [first = 'minions', id, tab] = route.parts
      if (!session.user || ['sign-in', 'register', 'welcome'].includes(first)) return [
        html`<${outside} key="outside" />`,
        html`<${Toasts} />`,
      ]
      const named = (id && screens[`${first}/`]) || screens[first]
      return html`<${AppShell}>
          ${named
            ? html`<${named} key=${id && screens[`${first}/`] ? `${first}/${id}` : first} id=${id} tab=${tab} />`
            : html`<div class="page"><h1 tabindex="-1">There is nothing here</h1><p><a href="#/minions">To the minions</a></p></div>`}
        </>
        <${Toasts} /><${ConfirmDialog} /><${SessionDialog} />`
    }
  },
}

await resume()
if (!session.user && !['register', 'welcome'].includes(route.parts[0])) {
  // Where one wanted to go is where one comes out after signing in.
  if (route.path && route.parts[0] !== 'sign-in') sessionStorage.setItem('atelier-wanted', location.hash)
  go('sign-in')
}
createApp(App).mount('#app')
