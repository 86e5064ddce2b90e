import { html, useEffect, useMemo, useRef, useState } from '../../vendor/preact.js'
import * as format from '../../lib/format.js'
import { Icon } from '../../lib/ui.js'
import { addressOf, rendition } from './addresses.js'
import { FLAGS } from './facts.js'
import { fetchFresh, freshLink } from './fresh.js'
import { useSize } from './picture.js'
import { isSingle, rows, tree } from './tree.js'

const ROW = 40 // CSS pixels
const BEYOND = 8 // rows above and below what is seen
const DEEPEST = 12 // levels that are indented

/** The list of what is inside a record: {entries, failed, retry}; `entries` is null while it loads. */
export function useEntries(file) {
  const source = rendition(file.record, 'entries', 'json')
  const [state, setState] = useState({ entries: null, failed: false })
  const [tries, setTries] = useState(0)
  const path = source && new URL(source.url).pathname
  const newest = useRef()
  newest.current = file
  useEffect(() => {
    if (!path) return undefined
    const stop = new AbortController()
    setState((old) => ({ ...old, failed: false }))
    fetchFresh(newest.current, (record) => rendition(record, 'entries', 'json')?.url, { signal: stop.signal })
      .then((answer) => (answer.ok ? answer.json() : Promise.reject(answer)))
      .then((answer) => setState({ entries: answer.entries, failed: false }))
      .catch((problem) => {
        if (problem.name === 'AbortError') return
        setState({ entries: null, failed: true })
      })
    return () => stop.abort()
  }, [path, tries])
  return { ...state, exists: Boolean(source), retry: () => file.reload().then(() => setTries((count) => count + 1)) }
}

/** The entries of an archive as a tree. Only the rows that are seen are in the page. */
export function Archive({ file }) {
  const { entries, failed, exists, retry } = useEntries(file)
  if (!exists) return html`<div class="stage bare"><${Icon} name="archive" size="64" /><p class="hint">What is inside can’t be listed. Download the archive to see it.</p></div>`
  if (failed) return html`<div class="stage bare"><p class="note danger" role="alert">The list can’t be loaded. <button type="button" class="button" onClick=${retry}>Try again</button></p></div>`
  if (!entries) return html`<div class="stage bare"><p class="hint" role="status">Loading …</p></div>`
  return html`<${Tree} file=${file} entries=${entries} />`
}

function Tree({ file, entries }) {
  const root = useMemo(() => tree(entries), [entries])
  const [open, setOpen] = useState(() => opened(root))
  const [words, setWords] = useState('')
  const [at, setAt] = useState(0)
  const [top, setTop] = useState(0)
  const scroller = useRef()
  const size = useSize(scroller)
  const shown = useMemo(() => rows(root, open, words), [root, open, words])
  const active = Math.min(at, shown.length - 1)

  const toggle = (node, to = !open.has(node.path)) =>
    setOpen((old) => {
      const next = new Set(old)
      if (to) next.add(node.path)
      else next.delete(node.path)
      return next
    })
  const go = (index) => {
    const to = Math.min(Math.max(index, 0), shown.length - 1)
    setAt(to)
    const { scrollTop, clientHeight } = scroller.current
    if (to * ROW < scrollTop) scroller.current.scrollTop = to * ROW
    else if ((to + 1) * ROW > scrollTop + clientHeight) scroller.current.scrollTop = (to + 1) * ROW - clientHeight
  }
  const key = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !shown.length) return
    const row = shown[active]
    const page = Math.max(1, Math.floor(size.height / ROW) - 1)
    const folder = row.node.children && !words
    const act = {
      ArrowDown: () => go(active + 1),
      ArrowUp: () => go(active - 1),
      PageDown: () => go(active + page),
      PageUp: () => go(active - page),
      Home: () => go(0),
      End: () => go(shown.length - 1),
      ArrowRight: () => folder && (open.has(row.node.path) ? go(active + 1) : toggle(row.node, true)),
      ArrowLeft: () => {
        if (folder && open.has(row.node.path)) toggle(row.node, false)
        else go(shown.findLastIndex((each, index) => index < active && each.level < row.level))
      },
      Enter: () => (row.node.children ? toggle(row.node) : scroller.current.querySelector(`#entry-${active} a`)?.click()),
      ' ': () => row.node.children && toggle(row.node),
    }[event.key]
    if (!act) return
    event.preventDefault()
    event.stopPropagation()
    act()
  }
  const begin = Math.max(0, Math.floor(top / ROW) - BEYOND)
  const end = Math.min(shown.length, Math.ceil((top + (size.height || 400)) / ROW) + BEYOND)
  // The active row is in the page even if it was scrolled away, because screen readers ask for it.
  const inPage = [...new Set([...Array.from({ length: end - begin }, (_, index) => begin + index), active])].filter((index) => index >= 0)
  return html`<div class="stage archive">
    <div class="archive-head">
      <input type="search" aria-label="Find in the archive" placeholder="Find in the archive" value=${words} onInput=${(event) => (setWords(event.target.value), setAt(0))} />
      <span class="hint" role="status">${words ? format.plural(shown.length, 'match', 'matches') : `${format.plural(root.files, 'file')}, ${format.bytes(root.size)}`}</span>
    </div>
    <div
      class="scroller"
      ref=${scroller}
      role="tree"
      aria-label="Inside the archive"
      tabindex="0"
      aria-activedescendant=${shown.length ? `entry-${active}` : undefined}
      onKeyDown=${key}
      onScroll=${() => setTop(scroller.current.scrollTop)}
    >
      <div class="rows" role="presentation" style=${{ height: `${shown.length * ROW}px` }}>
        ${inPage.map((index) => html`<${Row} key=${index} file=${file} row=${shown[index]} index=${index} active=${index === active} open=${open.has(shown[index].node.path)} onToggle=${() => (setAt(index), toggle(shown[index].node))} onPick=${() => setAt(index)} />`)}
      </div>
    </div>
    ${!shown.length && html`<p class="hint pad">${words ? 'Nothing has this name.' : 'The archive is empty.'}</p>`}
  </div>`
}

/** Small archives are open from the beginning, and of large ones the first level. */
function opened(root) {
  const open = new Set()
  const stack = [...root.children]
  const all = root.files <= 200
  while (stack.length) {
    const node = stack.pop()
    if (!node.children) continue
    if (all || root.children.length === 1) open.add(node.path)
    if (all) stack.push(...node.children)
  }
  return open
}

function Row({ file, row, index, active, open, onToggle, onPick }) {
  const { node } = row
  const folder = Boolean(node.children)
  const dangers = (node.entry?.flags ?? []).map((flag) => FLAGS[flag] ?? flag)
  const name = row.whole ? node.entry.name : node.name
  const single = !folder && isSingle(node.entry, file.record)
  return html`<div
    class=${`entry ${active ? 'active' : ''}`}
    id=${`entry-${index}`}
    role="treeitem"
    aria-level=${row.level}
    aria-setsize=${row.of}
    aria-posinset=${row.place}
    aria-expanded=${folder ? String(open) : undefined}
    aria-selected=${String(active)}
    style=${{ top: `${index * ROW}px`, paddingInlineStart: `${12 + (Math.min(row.level, DEEPEST) - 1) * 20}px` }}
    onClick=${folder ? onToggle : onPick}
  >
    <span class=${`twist ${open ? 'open' : ''}`}>${folder && html`<${Icon} name="right" size="16" />`}</span>
    <${Icon} name=${folder ? 'folder' : 'other'} size="18" />
    <bdi class="entry-name" title=${node.entry?.name ?? name}>${name}</bdi>
    ${dangers.length > 0 && html`<span class="danger-mark" title=${dangers.join(', ')}><${Icon} name="alert" size="16" /><span class="unseen">${dangers.join(', ')}</span></span>`}
    ${node.entry?.encrypted && html`<span title="Encrypted"><${Icon} name="lock" size="16" /><span class="unseen">encrypted</span></span>`}
    <span class="entry-size number">${folder ? format.plural(node.files, 'file') : format.bytes(node.entry.size)}</span>
    ${single
      ? html`<a class="icon-button" tabindex="-1" ...${freshLink(file, (record) => addressOf(record, `e${node.index}.bin`))} download=${saved(node.name)} aria-label=${`Download ${node.name}`}><${Icon} name="download" size="18" /></a>`
      : html`<span class="icon-space" />`}
  </div>`
}

/** A name that is safe to save a file under. */
export const saved = (name) => name.replace(/[\\/:*?"<>|\u0000-\u001f]/gu, '_').replace(/^\.+/u, '_').slice(-200) || 'file'
