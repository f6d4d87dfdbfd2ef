import { nextTick, onMounted, ref, watch } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { span } from '../lib/format.js'
import { stageNames } from '../lib/jobs.js'

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' })
const words = (entry) => (entry.kind !== 'stage'
  ? entry.text
  : entry.hint === undefined
    ? `${stageNames[entry.text] ?? entry.text} …`
    : `${stageNames[entry.text] ?? entry.text}: done in ${span(entry.hint)}`)

/** What the job said, oldest first; follows its end until the reader scrolls up. */
export const TrainingLog = {
  props: { entries: Array },
  setup(props) {
    const element = ref(null)
    let follows = true
    const onScroll = ({ target }) => { follows = target.scrollHeight - target.scrollTop - target.clientHeight < 24 }
    const toEnd = async () => {
      await nextTick()
      if (follows && element.value) element.value.scrollTop = element.value.scrollHeight
    }
    onMounted(toEnd)
    watch(() => props.entries.length, toEnd)
    return () => html`<div class="log" ref=${element} tabindex="0" role="log" aria-label="Log" onScroll=${onScroll}>
      <ol>
        ${props.entries.map((entry) => html`<li key=${entry.id} data-event=${entry.id} class=${entry.kind}>
          <time datetime=${entry.at}>${clock.format(new Date(entry.at))}</time>
          <span class="wrap">
            ${words(entry)}
            ${entry.kind !== 'stage' && entry.hint ? html`<br /><span class="muted">${entry.hint}</span>` : ''}
          </span>
        </li>`)}
      </ol>
    </div>`
  },
}
