import { ref } from '../../lib/vue.js'
import { html } from '../../lib/html.js'
import { arms, armName, sortedArms } from '../../lib/evaluation.js'
import { Icon } from '../Icon.js'

/** The same question, answered by each set-up. */
export const ExamplesSideBySide = {
  props: { examples: Array },
  setup(props) {
    const at = ref(0)
    return () => {
      const example = props.examples[Math.min(at.value, props.examples.length - 1)]
      return html`<div class="stack">
        <div class="row between">
          <p class="strong wrap grow">${example.question}</p>
          <div class="row" style="flex: none">
            <button class="button tight icon-only" aria-label="Example before" disabled=${at.value === 0}
              onClick=${() => { at.value -= 1 }}>
              <${Icon} name="left" />
            </button>
            <span class="small muted number nowrap" aria-live="polite">
              ${at.value + 1} of ${props.examples.length}
            </span>
            <button class="button tight icon-only" aria-label="Next example"
              disabled=${at.value >= props.examples.length - 1} onClick=${() => { at.value += 1 }}>
              <${Icon} name="right" />
            </button>
          </div>
        </div>
        <div class="examples">
          ${sortedArms(Object.keys(example.arms)).map((arm) => html`<div class="example stack tight" key=${arm}
            style=${{ borderColor: `var(${arms[arm]?.color ?? '--line'})` }}>
            <h4>${armName(arm)}</h4>
            <p class="pre">${example.arms[arm] || html`<span class="muted">no reply</span>`}</p>
          </div>`)}
          ${example.reference && html`<div class="example stack tight">
            <h4>Expected</h4>
            <p class="pre muted">${example.reference}</p>
          </div>`}
        </div>
      </div>`
    }
  },
}
