import { html } from '../lib/html.js'
import { icons } from '../lib/icons.js'

/** A drawing beside words; it has no name of its own. */
export const Icon = (props) => html`<svg class=${['icon', props.spin && 'spin']} viewBox="0 0 20 20" aria-hidden="true"><path d=${icons[props.name]} /></svg>`
Icon.props = ['name', 'spin']
