// Which stages make an answer; servers that know of orders name one in a minion's pipeline.
export const orders = [
  ['draft_first', 'Voice and passages into the prompt'], ['restyle_last', 'Restyle the reply last'],
  ['knowledge_only', 'Passages, no voice'],
  ['voice_only', 'The local voice alone'], ['external_only', 'The model alone'],
]

/** Which of the stages that can be switched an order has. */
export const stagesOf = (order = 'draft_first') => ({
  draft: order === 'draft_first',
  passages: ['draft_first', 'restyle_last', 'knowledge_only'].includes(order),
})
