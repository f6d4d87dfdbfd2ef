/** Copies text; the older way where the page is not served over https or from this machine. */
export async function copy(text) {
  if (navigator.clipboard) {
    try { await navigator.clipboard.writeText(text); return true } catch { /* not allowed: try the older way */ }
  }
  const area = document.createElement('textarea')
  area.value = text
  // Inside an open dialog everything outside is inert.
  const host = document.querySelector('dialog[open]') ?? document.body
  host.append(area)
  area.select()
  const done = document.execCommand('copy')
  area.remove()
  return done
}
