// Templates as tagged literals that become Vue nodes: html`<p class=${kind}>Hello ${name}</p>`.
// They are read once and never evaluated as code, so the page needs no 'unsafe-eval' and no build step.
//
//   tag, or ${Component}; attr="text", attr=${value}, attr="a ${b}", attr (true), ...${props}; </> closes any
//   A component's children are its default slot; a plain object as the only child is its named slots.
//   A line break is layout of the source, as in JSX: beside a tag or a hole it is nothing, inside a text one space.
import { h, isVNode } from './vue.js'

const trees = new WeakMap()

/** @returns one node, or a list of them where the template has several roots. */
export function html(strings, ...values) {
  let tree = trees.get(strings)
  if (!tree) trees.set(strings, (tree = parse(strings)))
  const nodes = tree.map((node) => build(node, values))
  return nodes.length === 1 ? nodes[0] : nodes
}

function build(node, values) {
  if (typeof node === 'string') return node
  if ('hole' in node) return values[node.hole]
  const tag = node.tag.hole === undefined ? node.tag.text : values[node.tag.hole]
  const props = {}
  for (const { name, parts, spread } of node.props) {
    if (spread !== undefined) Object.assign(props, values[spread])
    else if (parts.length === 1) props[name] = part(parts[0], values)
    else props[name] = parts.map((piece) => part(piece, values) ?? '').join('')
  }
  const children = node.children.map((child) => build(child, values))
  if (typeof tag === 'string') return h(tag, props, children)
  if (!children.length) return h(tag, props)
  const [only] = children
  if (children.length === 1 && only && typeof only === 'object' && !Array.isArray(only) && !isVNode(only)) return h(tag, props, only)
  return h(tag, props, { default: () => children })
}

const part = (piece, values) => (piece !== null && typeof piece === 'object' ? values[piece.hole] : piece)

/** Holes travel through the text as \0 number \0. */
function parse(strings) {
  const text = strings.reduce((all, piece, index) => all + '\0' + (index - 1) + '\0' + piece)
  const root = { children: [] }
  const open = [root]
  let at = 0
  const top = () => open[open.length - 1]
  while (at < text.length) {
    if (text.startsWith('<!--', at)) {
      at = text.indexOf('-->', at) + 3
    } else if (text.startsWith('</', at)) {
      at = text.indexOf('>', at) + 1
      open.pop()
    } else if (text[at] === '<') {
      at = element(text, at + 1, top(), open)
    } else {
      const end = text.indexOf('<', at)
      const raw = text.slice(at, end < 0 ? text.length : end)
      at = end < 0 ? text.length : end
      for (const [index, piece] of raw.split('\0').entries()) {
        if (index % 2) top().children.push({ hole: Number(piece) })
        else {
          const kept = onOneLine(piece.replace(/^\s*\n\s*|\s*\n\s*$/g, ''))
          if (kept) top().children.push(kept)
        }
      }
    }
  }
  if (open.length !== 1) throw new Error(`a tag is not closed: ${strings.join('${…}').slice(0, 120)}`)
  return root.children
}

function element(text, at, parent, open) {
  const name = /^\0(\d+)\0|^[^\s/>]+/.exec(text.slice(at))
  const node = { tag: name[1] === undefined ? { text: name[0] } : { hole: Number(name[1]) }, props: [], children: [] }
  parent.children.push(node)
  at += name[0].length
  const attribute = /\s*(?:(\/?>)|\.\.\.\0(\d+)\0|([^\s=/>]+)(?:=(?:"([^"]*)"|(\0\d+\0)|([^\s>]+)))?)/y
  for (;;) {
    attribute.lastIndex = at
    const found = attribute.exec(text)
    if (!found) throw new Error(`not an attribute: ${text.slice(at, at + 60)}`)
    at = attribute.lastIndex
    const [, end, spread, key, quoted, hole, bare] = found
    if (end) {
      if (end === '>') open.push(node)
      return at
    }
    if (spread !== undefined) node.props.push({ spread: Number(spread) })
    else node.props.push({ name: key, parts: value(quoted === undefined ? hole ?? bare : onOneLine(quoted)) })
  }
}

const onOneLine = (text) => text.replace(/\s*\n\s*/g, ' ')

function value(text) {
  if (text === undefined) return [true]
  if (text === '') return ['']
  return text.split('\0').map((piece, index) => (index % 2 ? { hole: Number(piece) } : piece)).filter((piece) => piece !== '')
}
