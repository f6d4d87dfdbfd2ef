/** Why training leaves examples out: what one of them does or has, and what many of them have. */
export const leftOut = {
  tool_calls: { one: 'calls a tool, and the base model has no place for that', many: 'with tool calls' },
  tool_results: { one: "holds a tool's result, and the base model has no place for that", many: "with a tool's results" },
  empty_message: { one: 'has a message without text', many: 'with a message that has no text' },
  no_reply: { one: 'has no reply to learn', many: 'without a reply to learn from' },
  duplicate: { one: 'repeats an earlier one', many: 'that repeat an earlier one' },
  reply_too_long: { one: 'has a reply that is too long', many: 'with a reply that is too long' },
  template_refused: { one: "is refused by the base model's template", many: "that the base model's template refuses" },
}

/** "20 with tool calls, 1 that repeat an earlier one", of counts by reason. */
export const leftOutInWords = (counts) => Object.entries(counts).sort(([, a], [, b]) => b - a)
  .map(([reason, number]) => `${number} ${leftOut[reason]?.many ?? reason}`).join(', ')

/** "topic in 300, messages[].name in 12", of counts by field; the five most frequent. */
export const fieldsInWords = (counts) => {
  const all = Object.entries(counts).sort(([, a], [, b]) => b - a).map(([name, number]) => `${name} in ${number}`)
  return [...all.slice(0, 5), ...(all.length > 5 ? [`and ${all.length - 5} more`] : [])].join(', ')
}

/** Behind a dataset's number of examples, where training does not take all of them. */
export const trainableNote = ({ metadata, sample_count: examples }) => (metadata.trainable < examples
  ? ` (training takes ${metadata.trainable})`
  : '')
