// Who is signed in. The session itself is a cookie that scripts cannot read.
import { shallowReactive } from './vue.js'
import { failure, PAGE_HEADER } from './api.js'

/** `user` is what the server said; `hasEnded` shows the dialog that asks for the password again. */
export const session = shallowReactive({ user: null, hasEnded: false })

// Not a secret: only whether asking the server is worth a request.
const HINT = 'atelier-signed-in'
const hint = {
  get() { try { return localStorage.getItem(HINT) === 'yes' } catch { return true } },
  set(isIn) { try { isIn ? localStorage.setItem(HINT, 'yes') : localStorage.removeItem(HINT) } catch { /* asks every time */ } },
}

async function send(path, json) {
  const response = await fetch(path, {
    method: 'POST', headers: { ...PAGE_HEADER, 'content-type': 'application/json' }, body: json && JSON.stringify(json),
  }).catch(() => null)
  if (!response) throw new Error('The server does not answer. Check that it runs; what you typed is kept.')
  if (!response.ok) throw await failure(response)
  return response.status === 204 ? null : response.json()
}

/** At the page's start: is there a session already? */
export async function resume() {
  if (!hint.get()) return
  const response = await fetch('/api/me').catch(() => null)
  if (response?.ok) session.user = await response.json()
  else if (response) hint.set(false)
}

function welcome(reply) {
  hint.set(true)
  // Somebody else: nothing of the one before may stay on the screen.
  if (session.user && session.user.id !== reply.user.id) location.reload()
  session.user = reply.user
  session.hasEnded = false
  waiting.splice(0).forEach((go) => go.resolve())
}

export const signIn = async (email, password) => welcome(await send('/api/auth/login', { email, password, cookie: true }))
export const signInByLink = async (code) => welcome(await send('/api/auth/link', { code, cookie: true }))
export const register = async (fields) => welcome(await send('/api/auth/register', { ...fields, cookie: true }))

export async function signOut() {
  try { await send('/api/auth/logout') } catch (error) { if (error.status !== 401) throw error }
  leave()
}

export function leave() {
  hint.set(false)
  waiting.splice(0).forEach((go) => go.reject(new DOMException('signed out', 'AbortError')))
  location.hash = '#/sign-in'
  // Everything of this person leaves the memory too.
  location.reload()
}

const waiting = []

/** Resolves when the person has signed in again; what called it goes on where it was. */
export function signInAgain() {
  session.hasEnded = true
  return new Promise((resolve, reject) => waiting.push({ resolve, reject }))
}
