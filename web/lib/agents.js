/** "Firefox on Linux": what a client called itself, in a few words; what is not a browser's keeps its own. */
export function device(agent) {
  if (!agent) return 'Unknown client'
  const first = (names) => names.find(([, pattern]) => pattern.test(agent))?.[0]
  const browser = first([['Edge', /\bEdg/], ['Opera', /\bOPR\//], ['Firefox', /\b(Firefox|FxiOS)\//], ['Chrome', /\b(Chrome|CriOS)\//], ['Safari', /\bSafari\//]])
  if (!browser) return agent.split(' ')[0]
  const system = first([['Android', /Android/], ['iOS', /iPhone|iPad/], ['Windows', /Windows/], ['macOS', /Mac OS X/], ['Linux', /Linux/]])
  return system ? `${browser} on ${system}` : browser
}
