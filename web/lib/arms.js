// The set-ups a release is measured in, in the order they build on each other.
export const arms = {
  base: { name: 'Model alone', color: '--arm-base' },
  knowledge: { name: '+ Knowledge', color: '--arm-knowledge' },
  voice: { name: '+ Voice', color: '--arm-voice' },
  hybrid_draft_first: { name: 'Hybrid', color: '--arm-hybrid' },
  hybrid_restyle_last: { name: 'Hybrid, restyled last', color: '--arm-restyle' },
}

export const armName = (arm) => arms[arm]?.name ?? arm.replaceAll('_', ' ')
const order = Object.keys(arms)
/** Known set-ups first and in their order, others behind them. */
export const sortedArms = (names) => [...new Set(names)].sort((a, b) => (order.indexOf(a) + 1 || 99) - (order.indexOf(b) + 1 || 99))
