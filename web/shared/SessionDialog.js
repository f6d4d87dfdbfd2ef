import { html } from '../lib/html.js'
import { leave, session } from '../lib/session.js'
import { Modal } from './Modal.js'
import { SignInForm } from './SignInForm.js'

/** The session has ended while something was on the screen: it stays there, and goes on after signing in. */
export const SessionDialog = {
  setup: () => () => session.hasEnded && html`<${Modal} title="Your session has ended" canClose=${false}>
    <p class="muted">Sign in again to go on. Nothing you typed is lost.</p>
    <${SignInForm} email=${session.user.email} />
    <button class="button quiet" onClick=${leave}>Leave, as somebody else</button>
  </>`,
}
