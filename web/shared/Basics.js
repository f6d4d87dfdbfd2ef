// Small parts without state of their own.
import { html } from '../lib/html.js'
import { statuses } from '../lib/jobs.js'
import { Icon } from './Icon.js'

/** What failed, in the server's own words, with what it says to do. */
export const ErrorNote = ({ error, fields = [] }) => {
  if (!error) return null
  // What is shown beside its field is not said twice.
  const details = (error.details ?? []).filter((detail) => !fields.includes(detail.field))
  const hasOwn = details.length < (error.details ?? []).length
  return html`<div class="note bad" role="alert">
    <${Icon} name="warn" />
    <div>
      ${hasOwn && !details.length ? 'See the fields marked above.' : error.message}
      ${details.length > 0 && html`<ul>
        ${details.slice(0, 12).map((detail) => html`<li>
          ${[
            detail.field && `${detail.field}: `, detail.message !== error.message && detail.message,
            detail.hint && ` ${detail.message === error.message ? '' : '— '}${detail.hint}`,
          ].filter(Boolean)}
        </li>`)}
      </ul>`}
      ${error.retryAfter && html`<div>Try again in ${error.retryAfter} s.</div>`}
    </div>
  </div>`
}
ErrorNote.props = ['error', 'fields']

export const Note = ({ kind = '', icon = 'info' }, { slots }) =>
  html`<div class=${['note', kind]}><${Icon} name=${icon} /><div>${slots.default()}</div></div>`
Note.props = ['kind', 'icon']

/** Nothing there yet, and what comes next. */
export const EmptyState = ({ icon, title }, { slots }) =>
  html`<div class="empty"><${Icon} name=${icon} /><h2>${title}</h2>${slots.default?.()}</div>`
EmptyState.props = ['icon', 'title']

export const Loading = ({ what = 'Loading' }) =>
  html`<p class="muted row" role="status"><${Icon} name="retry" spin /> ${what} …</p>`
Loading.props = ['what']

/** A resource's error, its loading, or what it holds. */
export const Loaded = ({ of, what }, { slots }) => {
  if (of.data) return [
    of.error && html`<${ErrorNote} error=${of.error} />`,
    html`<${Unreadable} rows=${of.data.unreadable ?? []} />`,
    slots.default(),
  ]
  if (of.error) {
    return html`<div class="stack"><${ErrorNote} error=${of.error} />
      <div><button class="button" onClick=${of.reload}><${Icon} name="retry" /> Try again</button></div></div>`
  }
  return html`<${Loading} what=${what} />`
}
Loaded.props = ['of', 'what']

/** Entries of a list that the server cannot read: they are named, beside the others. */
const Unreadable = ({ rows }) =>
  rows.length > 0 && html`<${Note} kind="bad" icon="warn">
    Some entries cannot be shown. Save each again or delete it, by its id over the API:
    <ul>${rows.map((row) => html`<li key=${row.id}><code>${row.id}</code>: ${row.column} ${row.problem}</li>`)}</ul>
  </>`
Unreadable.props = ['rows']

export const LoadMore = ({ list }) => list.hasMore && html`<div class="row" style="justify-content: center; padding: 0.5rem">
  <button class="button" disabled=${list.isAdding} onClick=${list.more}>${list.isAdding ? 'Loading …' : 'Show more'}</button></div>`
LoadMore.props = ['list']

export const PageHead = ({ title, text, back }, { slots }) => html`<header class="page-head">
  <div class="titles">
    ${back && html`<a class="crumb" href=${back.href}><${Icon} name="left" /> ${back.text}</a>`}
    <h1 tabindex="-1">${title}</h1>${text && html`<p>${text}</p>`}
  </div>
  ${slots.default && html`<div class="row wrap-row">${slots.default()}</div>`}
</header>`
PageHead.props = ['title', 'text', 'back']

export const StatusBadge = ({ status }) => {
  const { name, kind } = statuses[status] ?? { name: status, kind: '' }
  return html`<span class=${['badge', kind]}><i class="dot"></i>${name}</span>`
}
StatusBadge.props = ['status']

/** A share of something, 0 to 1, named for those who cannot see it. */
export const Bar = ({ value, label, kind }) => html`<div class=${['bar', kind]} role="progressbar" aria-label=${label}
  aria-valuemin="0" aria-valuemax="100" aria-valuenow=${Math.round(value * 100)}>
  <i style=${{ width: `${Math.min(1, Math.max(0, value)) * 100}%` }}></i>
</div>`
Bar.props = ['value', 'label', 'kind']

export const Facts = ({ items }) => html`<dl class="facts">${items.filter(Boolean).map(([name, value]) =>
  html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`
Facts.props = ['items']

/** Initials on a colour that belongs to the id. */
export const Avatar = ({ id, name, small }) => {
  // Ids that follow each other shall not look alike (FNV-1a).
  let hash = 0x811c9dc5
  for (const letter of id) hash = Math.imul(hash ^ letter.codePointAt(0), 0x01000193) >>> 0
  const words = name.trim().split(/\s+/)
  const initials = words.length > 1 ? [...words[0]][0] + [...words[1]][0] : [...name].slice(0, 2).join('')
  return html`<span class=${['avatar', small && 'small']} style=${{ background: `hsl(${hash % 360} 42% 30%)` }}
    aria-hidden="true">
    ${initials.toUpperCase()}
  </span>`
}
Avatar.props = ['id', 'name', 'small']

/** One of a few, as buttons: `options` is [[value, words], …]. */
export const Segments = ({ label, options, modelValue }, { emit }) => html`<div class="segments" role="group" aria-label=${label}>
  ${options.map(([value, words]) => html`<button type="button" key=${value} aria-pressed=${String(value === modelValue)}
    onClick=${() => emit('update:modelValue', value)}>${words}</button>`)}</div>`
Segments.props = ['label', 'options', 'modelValue']
Segments.emits = ['update:modelValue']

/** Sections of a screen, each with an address. */
export const Tabs = ({ label, items, current }) => html`<nav class="tabs" aria-label=${label}>${items.map(({ id, name, href }) =>
  html`<a key=${id} href=${href} aria-current=${id === current ? 'page' : undefined}>${name}</a>`)}</nav>`
Tabs.props = ['label', 'items', 'current']
