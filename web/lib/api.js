// The public HTTP API, and nothing else, is what the page talks to. The session is an HttpOnly cookie that no script
// sees; the header says that a request comes from the page, which no other origin can make a browser send.
import { session, signInAgain } from './session.js'

export const PAGE_HEADER = { 'x-atelier-request': 'page' }

/** A refusal in the server's own words, or that the server did not answer. */
export class ApiError extends Error {
  constructor(status, error, retryAfter) {
    super(error.message)
    this.status = status
    this.code = error.code
    this.details = error.details ?? []
    this.retryAfter = retryAfter
  }

  /** The words for one field of a form. */
  field(name) {
    const detail = this.details.find((entry) => entry.field === name)
    return detail && [detail.message, detail.hint].filter(Boolean).join(' — ')
  }

  /** Whether this server has no such route. */
  get isMissingRoute() { return this.status === 404 && this.code === 'http_404' }
}

const unreachable = () =>
  new ApiError(0, { code: 'unreachable', message: 'The server does not answer. Check that it runs; what you typed is kept.' })

/** The error of a reply that is none of 2xx. */
export async function failure(response) {
  let error
  try { error = (await response.json()).error } catch { /* not JSON: a proxy's page */ }
  error ??= { code: `http_${response.status}`, message: `The server answered ${response.status} without saying why.` }
  return new ApiError(response.status, error, Number(response.headers.get('retry-after')) || undefined)
}

/** Where what is the signed-in user's lies: `mine('minions')`. */
export const mine = (path) => `/api/users/${session.user.id}/${path}`

export function withQuery(path, query = {}) {
  const set = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== '')
  return set.length ? `${path}?${set.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&')}` : path
}

/** A response that is 2xx. A session that has ended is renewed by its person first, and the request made again. */
export async function request(method, path, { json, query, headers, signal } = {}) {
  const url = withQuery(path, query)
  const options = { method, signal, headers: { ...PAGE_HEADER, ...headers }, credentials: 'same-origin' }
  if (json !== undefined) {
    options.body = JSON.stringify(json)
    options.headers['content-type'] = 'application/json'
  }
  for (;;) {
    let response
    try { response = await fetch(url, options) } catch (error) {
      if (error.name === 'AbortError') throw error
      throw unreachable()
    }
    if (response.ok) return response
    const error = await failure(response)
    if (error.status !== 401 || error.code !== 'unauthenticated' || !session.user) throw error
    await signInAgain()
  }
}

async function parsed(response) {
  return response.status === 204 ? null : response.json()
}

export const get = async (path, query, options) => parsed(await request('GET', path, { query, ...options }))
export const post = async (path, json, options) => parsed(await request('POST', path, { json, ...options }))
export const put = async (path, json) => parsed(await request('PUT', path, { json }))
export const remove = async (path) => parsed(await request('DELETE', path))

/** Makes something once, however often the request has to be repeated. */
export const create = (path, json, key) => post(path, json, { headers: { 'idempotency-key': key ?? newKey() } })

export function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/**
 * Sends a file as the body, telling how much is sent (0 to 1).
 * XMLHttpRequest, because fetch does not tell.
 */
export function upload(method, path, query, body, onProgress, signal) {
  return new Promise((resolve, reject) => {
    const call = new XMLHttpRequest()
    call.open(method, withQuery(path, query))
    for (const [name, value] of Object.entries(PAGE_HEADER)) call.setRequestHeader(name, value)
    call.setRequestHeader('content-type', 'application/octet-stream')
    call.upload.onprogress = (event) => { if (event.lengthComputable) onProgress?.(event.loaded / event.total) }
    call.onload = async () => {
      if (call.status >= 200 && call.status < 300) return resolve(JSON.parse(call.responseText))
      const response = new Response(call.responseText, {
        status: call.status,
        headers: { 'retry-after': call.getResponseHeader('retry-after') ?? '' },
      })
      const error = await failure(response)
      if (error.status !== 401 || error.code !== 'unauthenticated') return reject(error)
      try {
        await signInAgain()
        resolve(await upload(method, path, query, body, onProgress, signal))
      } catch (again) { reject(again) }
    }
    call.onerror = () => reject(unreachable())
    call.onabort = () => reject(new DOMException('cancelled', 'AbortError'))
    signal?.addEventListener('abort', () => call.abort())
    call.send(body)
  })
}
