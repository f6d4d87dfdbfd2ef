import { html } from '../../lib/html.js'
import { request } from '../../lib/api.js'
import { action } from '../../lib/resource.js'
import { ErrorNote } from '../Basics.js'
import { Icon } from '../Icon.js'

/** A file of the server. Fetched by script, not followed as a link: a refusal then stands here, in the server's words. */
export const DownloadButton = {
  props: { path: String, query: Object, name: String, label: String },
  setup(props) {
    const fetching = action(async () => {
      const response = await request('GET', props.path, { query: props.query })
      const address = URL.createObjectURL(await response.blob())
      Object.assign(document.createElement('a'), { href: address, download: props.name }).click()
      // Not at once: the browser has yet to take it.
      setTimeout(() => URL.revokeObjectURL(address), 60_000)
    })
    return () => html`<div class="stack tight">
      <div>
        <button type="button" class="button tight" disabled=${fetching.isBusy} onClick=${fetching.run}>
          <${Icon} name=${fetching.isBusy ? 'retry' : 'file'} spin=${fetching.isBusy} /> ${fetching.isBusy
            ? 'Preparing …'
            : props.label}
        </button>
      </div>
      <${ErrorNote} error=${fetching.error} />
    </div>`
  },
}
