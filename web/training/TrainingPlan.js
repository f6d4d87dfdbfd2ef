import { html } from '../lib/html.js'
import { checked, choice, newId, number, text } from '../lib/forms.js'
import { OWN, repeats } from '../lib/plan.js'
import { Field } from '../shared/Field.js'

const zones = newId('zones')
const counts = [
  ['priority', 'priority', 'Priority', 'From -10 to 10: among your own jobs, the higher, the sooner.', 'default 0', { min: -10, max: 10 }],
  [
    'retry.max_attempts',
    'max_attempts',
    'Tries',
    'For failures that may pass, such as a vendor that is not there.',
    'default 3',
    { min: 1, max: 100 },
  ],
  [
    'retry.backoff_seconds',
    'backoff_seconds',
    'Wait between tries',
    'Seconds before the second; each further one waits twice as long.',
    'default 30',
    { min: 0, max: 3600 },
  ],
]

/** When and how a job is run: `form` is a planForm(); how it begins is asked of a new one only. */
export const TrainingPlan = ({ form, error, isNew }) => {
  const field = (label, hint, name, make) => html`<${Field} key=${name} label=${label} hint=${hint}
    error=${error?.field?.(name)}>${{ default: make }}</>`
  const select = (name, options) =>
    (control) => html`<select class="select" ...${control} ...${choice(form, name)}>
      ${options.map(([value, words]) => html`<option key=${value} value=${value}>${words}</option>`)}
    </select>`
  const startTime = (control) => html`<input class="input" type="datetime-local" ...${control} ...${text(form, 'run_at')} />`
  const cron = (control) => html`<input class="input mono" placeholder="30 3 * * mon" spellcheck="false" ...${control}
    ...${text(form, 'cron')} />`
  const zone = (control) => html`<input class="input" list=${zones} spellcheck="false" ...${control}
    ...${text(form, 'time_zone')} />`
  return html`<div class="stack">
    <div class="fields">
      ${isNew && field('Begins', 'A job that waits can be started whenever you like.', 'begin',
        select('begin', [['', 'At once (default)'], ['at', 'At a time'], ['later', 'Not yet']]))}
      ${isNew && form.begin === 'at' && field('Not before', 'In your own time zone.', 'run_at', startTime)}
      ${field('Repeats', 'Each repeat is a job of its own. It is skipped while a run is under way.', 'schedule',
        select('repeat', [['', 'Never (default)'], ...Object.entries(repeats), [OWN, 'At other times …']]))}
      ${form.repeat === OWN
        && field('Times', 'As in crontab: minute, hour, day of month, month, day of week.', 'schedule.cron', cron)}
      ${form.repeat && field('Time zone', 'For the times above.', 'schedule.time_zone', zone)}
    </div>
    ${form.repeat && html`<datalist id=${zones}>
      ${Intl.supportedValuesOf('timeZone').map((name) => html`<option key=${name} value=${name}></option>`)}
    </datalist>`}
    <label class="check">
      <input ...${checked(form, 'retrain_on_change')} />
      <span>
        Run again when its data changes<br />
        <span class="tiny muted">Once a dataset has changed and then stayed as it is for a while.</span>
      </span>
    </label>
    ${isNew && html`<label class="check">
      <input ...${checked(form, 'hold_release')} />
      <span>
        Hold its release<br />
        <span class="tiny muted">It waits for you, whatever is set for new releases.</span>
      </span>
    </label>`}
    <div class="fields">
      ${counts.map(([path, name, label, hint, empty, bounds]) => field(label, hint, path, (control) => html`<input class="input"
        ...${control} ...${bounds} ...${number(form, name)} placeholder=${empty} />`))}
    </div>
  </div>`
}
TrainingPlan.props = ['form', 'error', 'isNew']
