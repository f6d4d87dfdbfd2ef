import { html } from '../../lib/html.js'
import { get, mine } from '../../lib/api.js'
import { when } from '../../lib/format.js'
import { resource } from '../../lib/resource.js'
import { Loaded } from '../Basics.js'
import { Icon } from '../Icon.js'

/** What has happened to a release, each move with its reason; asked for when it is opened. */
export const ReleaseEvents = {
  props: { release: Object },
  setup(props) {
    const detail = resource(() => get(mine(`minions/${props.release.minion_id}/releases/${props.release.id}`)), { immediate: false })
    return () => html`<details class="fold" onToggle=${(event) => { if (event.target.open) detail.reload() }}>
      <summary><${Icon} name="right" /> What has happened to it</summary>
      <div>
        <${Loaded} of=${detail}>
          <ol class="stack tight small">
            ${detail.data?.events.map((one) => html`<li key=${one.id} class="wrap">
              <time class="muted" datetime=${one.at}>${when(one.at)}</time>
              ${' '}
              <span class="strong">${one.type.replaceAll('_', ' ')}</span>
              ${one.reason ? `: ${one.reason}` : ''}
            </li>`)}
          </ol>
        </>
      </div>
    </details>`
  },
}
