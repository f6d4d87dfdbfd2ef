import { ref } from './vue.js'

const KEY = 'atelier-theme'
const choices = ['auto', 'light', 'dark']

function stored() {
  try { return localStorage.getItem(KEY) ?? 'auto' } catch { return 'auto' }
}

/** `auto` follows the system. */
export const theme = ref(choices.includes(stored()) ? stored() : 'auto')
/** Raised whenever the colours change, so that canvases are drawn again. */
export const themeVersion = ref(0)

export function nextTheme() {
  theme.value = choices[(choices.indexOf(theme.value) + 1) % choices.length]
  try { localStorage.setItem(KEY, theme.value) } catch { /* lasts until the reload */ }
  if (theme.value === 'auto') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = theme.value
  themeVersion.value += 1
}

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { themeVersion.value += 1 })

/** A design token's colour as it is now, e.g. `color('--accent')`. */
export function color(name) {
  // light-dark() is resolved by the browser only where it is used.
  const probe = document.createElement('span')
  probe.style.color = `var(${name})`
  document.body.append(probe)
  const resolved = getComputedStyle(probe).color
  probe.remove()
  return resolved
}
