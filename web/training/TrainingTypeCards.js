import { html } from '../lib/html.js'
import { types } from '../lib/jobs.js'
import { Icon } from '../shared/Icon.js'

const drawings = { hybrid: 'both', lora_only: 'voice', rag_only: 'book' }

/** The three kinds of training, each with what it does. */
export const TrainingTypeCards = (props, { emit }) => html`<fieldset class="stack tight">
  <legend class="small strong">What should it learn?</legend>
  <div class="choice-cards">
    ${Object.entries(types).map(([id, type]) => html`<label class="choice-card" key=${id}>
      <input type="radio" name="training-type" value=${id} checked=${id === props.modelValue}
        onChange=${() => emit('update:modelValue', id)} />
      <span class="row strong"><${Icon} name=${drawings[id]} /> ${type.name}</span>
      <span class="small muted">${type.text}</span>
    </label>`)}
  </div>
</fieldset>`
TrainingTypeCards.props = ['modelValue']
TrainingTypeCards.emits = ['update:modelValue']
