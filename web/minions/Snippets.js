import { ref } from '../lib/vue.js'
import { html } from '../lib/html.js'
import { Segments } from '../shared/Basics.js'
import { CopyButton } from '../shared/CopyButton.js'

const QUESTION = 'Who are you?'

/** Programs that ask the minion and work as they are; the token is the one given, or read from ATELIER_TOKEN. */
function snippets(origin, model, token) {
  const body = { model, messages: [{ role: 'user', content: QUESTION }] }
  // Inside single quotes of a shell.
  const quoted = JSON.stringify(body).replaceAll("'", "'\\''")
  const name = JSON.stringify(model)
  return {
    curl: `${token ? `ATELIER_TOKEN=${token}\n` : ''}curl ${origin}/v1/chat/completions \\
  -H "Authorization: Bearer $ATELIER_TOKEN" \\
  -H "Content-Type: application/json" \\
  -d '${quoted}'`,
    Python: `# pip install openai
${token ? '' : 'import os\n'}from openai import OpenAI

client = OpenAI(base_url="${origin}/v1", api_key=${token ? `"${token}"` : 'os.environ["ATELIER_TOKEN"]'})
reply = client.chat.completions.create(
    model=${name},
    messages=[{"role": "user", "content": "${QUESTION}"}],
)
print(reply.choices[0].message.content)`,
    JavaScript: `const response = await fetch("${origin}/v1/chat/completions", {
  method: "POST",
  headers: {
    "Authorization": ${token ? `"Bearer ${token}"` : '`Bearer ${process.env.ATELIER_TOKEN}`'},
    "Content-Type": "application/json",
  },
  body: JSON.stringify({
    model: ${name},
    messages: [{ role: "user", content: "${QUESTION}" }],
  }),
});
const reply = await response.json();
console.log(reply.choices[0].message.content);`,
  }
}

export const Snippets = {
  props: { minion: Object, token: String },
  setup(props) {
    const shown = ref('curl')
    return () => {
      const programs = snippets(location.origin, props.minion.display_name, props.token)
      return html`<div class="stack tight">
        <div class="row between wrap-row">
          <${Segments} label="Language" options=${Object.keys(programs).map((name) => [name, name])} modelValue=${shown.value}
            ...${{ 'onUpdate:modelValue': (value) => { shown.value = value } }} />
          <${CopyButton} text=${programs[shown.value]} />
        </div>
        <pre class="code" tabindex="0" aria-label=${`${shown.value} program`}><code>${programs[shown.value]}</code></pre>
      </div>`
    }
  },
}
