import { shallowReactive } from './vue.js'

/** The question that is being asked, or null; <ConfirmDialog> shows it. */
export const asked = shallowReactive({ question: null })

/**
 * Asks once before something that cannot be undone.
 * @param question {title, text, verb}
 * @returns whether to do it
 */
export function confirm(question) {
  return new Promise((resolve) => { asked.question = { ...question, resolve } })
}

export function settle(answer) {
  asked.question?.resolve(answer)
  asked.question = null
}
