import { html } from '../lib/html.js'
import { choice, number, text } from '../lib/forms.js'
import { types } from '../lib/jobs.js'
import { Field } from '../shared/Field.js'
import { Icon } from '../shared/Icon.js'

// Name, words, what it means, and the API's default and bounds.
const voice = {
  simple: [
    [
      'epochs',
      'Passes over the examples',
      'More passes fit the voice better, until the examples are learned by heart. Watch the held-out curve.',
      2,
      { min: 1, max: 100 },
    ],
  ],
  advanced: [
    ['rank', 'Rank', 'Size of the adapter: more can hold more, and costs memory and time.', 16, { min: 1, max: 256 }],
    ['alpha', 'Alpha', 'Strength of what is learned, usually twice the rank.', 32, { min: 1, max: 512 }],
    [
      'learning_rate',
      'Learning rate',
      'Size of each step. Halve it where the curve jumps.',
      0.0003,
      { min: 0.0000001, max: 0.1, step: 'any' },
    ],
    ['batch_size', 'Batch size', 'Examples a step; a smaller one needs less memory.', 8, { min: 1, max: 256 }],
    ['dropout', 'Dropout', 'Share of the adapter left out at random, against learning by heart.', 0, { min: 0, max: 0.9, step: 0.05 }],
    ['max_tokens', 'Longest example', 'In tokens; what is longer loses the beginning of its prompt.', 1024, { min: 32, max: 8192 }],
    ['seed', 'Seed', 'The same seed splits and shuffles the same way.', 7, { min: 0 }],
  ],
}
const knowledge = {
  simple: [], advanced: [
    ['chunk_tokens', 'Length of a chunk', 'In tokens. Short ones are found more exactly, long ones say more.', 320, { min: 32, max: 512 }],
    ['chunk_overlap', 'Overlap', 'Tokens two chunks share, so that no sentence is torn from its context.', 40, { min: 0, max: 256 }],
  ],
}

// Kept flat here; the job's config has it as evaluation.examples.
const evaluation = [
  'evaluation_examples',
  'Examples to measure with',
  'Every set-up answers each: more take longer, and make the intervals narrower.',
  6,
  { min: 1, max: 200 },
]

/** Settings that explain themselves; an empty field is the default it names. */
export const TrainingSettings = ({ config, type, error }) => {
  const has = (kind) => types[type].needs.includes(kind)
  const input = ([name, label, hint, standard, bounds]) => html`<${Field} key=${name} label=${label} hint=${hint}
    error=${error?.field?.(`config.${name.replace('evaluation_', 'evaluation.')}`) ?? error?.field?.(name)}>${{
    default: (control) => html`<input class="input" ...${control} ...${bounds} ...${number(config, name)}
      placeholder=${`default ${standard}`} />`,
  }}</>`
  const select = (name, label, hint, options) => html`<${Field} label=${label} hint=${hint}>${{
    default: (control) => html`<select class="select" ...${control} ...${choice(config, name)}>
      ${options.map(([value, words]) => html`<option value=${value}>${words}</option>`)}
    </select>`,
  }}</>`
  return html`<div class="stack">
    <div class="fields">
      ${has('jsonl') && voice.simple.map(input)}
      ${input(evaluation)}
      ${has('rag')
        && select('collection_update', 'Documents already indexed', 'Chunks that stay are not embedded again.', [
          ['', 'Replace them all (default)'], ['append', 'Keep them, add these'], ['merge', 'Keep them, replace those of the same name'],
          ['replace_matching', 'Replace those of a tag']])}
      ${has('rag') && config.collection_update === 'replace_matching' && html`<${Field} label="Tags of those that go"
        hint="Separated by commas; one of them is enough." error=${error?.field?.('config.collection_filter')}>${{
        default: (control) => html`<input class="input" ...${control} ...${text(config, 'replaced_tags')} />`,
      }}</>`}
    </div>
    <details class="fold">
      <summary><${Icon} name="right" /> Advanced</summary>
      <div class="fields">
        ${has('jsonl') && voice.advanced.map(input)}
        ${has('rag') && knowledge.advanced.map(input)}
        ${has('rag')
          && select('chunk_strategy', 'Where documents are cut', 'By their structure suits most text.', [
            ['', 'Headings, paragraphs, tables (default)'], ['fixed', 'Every so many tokens'], ['rows', 'A question, record or row each']])}
      </div>
    </details>
  </div>`
}
TrainingSettings.props = ['config', 'type', 'error']
