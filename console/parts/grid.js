import { html, useEffect, useLayoutEffect, useRef, useState } from '../vendor/preact.js'
import { useStore } from '../lib/store.js'
import { Tile } from './tile.js'
import { useWindow } from './window.js'

const BAR = 72 // pixels at the top of the window that the bar covers, and some air

/**
 * The files of a listing, of which only those near what is seen are in the page. Arrows move, Space chooses, Shift
 * extends, Control-A chooses all, Enter opens, Delete deletes, Escape ends the choice.
 */
export function Grid({ listing, selection, layout, label, onOpen, onDelete }) {
  const { version, done, loading, problem } = useStore(listing.state)
  const { ids: chosen, mode } = useStore(selection.state)
  const frame = useRef()
  const { items } = listing
  const [focusId, setFocusId] = useState(null)
  const found = focusId ? items.findIndex((item) => item.id === focusId) : 0
  const lastFocus = useRef(0)
  // The focused file was deleted: its neighbour takes its place.
  const focus = Math.max(0, found >= 0 ? found : Math.min(lastFocus.current, items.length - 1))
  lastFocus.current = focus
  const waiting = done || problem ? 0 : Math.max(4, items.length ? 8 : 24)
  const window_ = useWindow(frame, items.length + waiting, layout)
  const { columns, width, height, gap, step } = window_
  const moved = useRef(false)

  const end = window_.last * columns
  useEffect(() => {
    if (end + columns * 4 >= items.length && !problem) listing.more()
  }, [end, columns, version, listing])

  useEffect(() => {
    listing.holdsNew = window_.first > 0
    if (window_.first === 0 && listing.state.get().arrived) listing.showArrived()
  }, [window_.first === 0, listing])

  const moveTo = (index) => {
    const target = items[Math.max(0, Math.min(items.length - 1, index))]
    if (!target) return null
    moved.current = true
    setFocusId(target.id)
    return target
  }

  // The browser takes the focus from an element that is moved among its siblings, as drawing other rows does.
  const held = Boolean(frame.current?.contains(document.activeElement))
  useLayoutEffect(() => {
    if (!moved.current) {
      if (held && document.activeElement === document.body) document.getElementById(items[focus]?.id)?.focus({ preventScroll: true })
      return
    }
    const top = frame.current.getBoundingClientRect().top + Math.floor(focus / columns) * step
    if (top < BAR + 56) scrollBy({ top: top - BAR - 56, behavior: 'instant' })
    else if (top + height > innerHeight - 16) scrollBy({ top: top + height - innerHeight + 16, behavior: 'instant' })
    const element = document.getElementById(items[focus].id)
    if (!element) return // it comes with the next drawing, when the window has followed
    element.focus({ preventScroll: true })
    moved.current = false
  })

  const on = {
    click(event, item, index) {
      setFocusId(item.id)
      if (event.shiftKey) selection.extend(items, item.id)
      else if (event.ctrlKey || event.metaKey || mode) selection.toggle(item.id)
      else onOpen(item)
      if (event.shiftKey) getSelection()?.removeAllRanges()
    },
    check(event, item) {
      event.stopPropagation()
      setFocusId(item.id)
      if (event.shiftKey) selection.extend(items, item.id)
      else selection.toggle(item.id)
    },
    aside: (item) => open(`#/files/${item.id}`, '_blank'),
    broken: (id) => listing.renew(id),
  }

  function onKeyDown(event) {
    const item = items[focus]
    if (!item || event.altKey) return
    const page = Math.max(1, Math.floor((innerHeight - BAR) / step)) * columns
    const ahead = getComputedStyle(frame.current).direction === 'rtl' ? -1 : 1
    const steps = { ArrowRight: ahead, ArrowLeft: -ahead, ArrowDown: columns, ArrowUp: -columns, PageDown: page, PageUp: -page }
    const command = event.ctrlKey || event.metaKey
    if (event.key in steps || event.key === 'Home' || event.key === 'End') {
      const to = event.key === 'Home' ? 0 : event.key === 'End' ? items.length - 1 : focus + steps[event.key]
      // Down in the last row but one, where the last row is shorter, goes to the last file; else nothing is beyond the ends.
      if (to < 0 || (to >= items.length && Math.floor(focus / columns) === Math.floor((items.length - 1) / columns))) return
      if (event.shiftKey && !selection.has(item.id)) selection.toggle(item.id)
      const target = moveTo(to)
      if (event.shiftKey) selection.extend(items, target.id)
    } else if (event.key === ' ') {
      if (event.shiftKey) selection.extend(items, item.id)
      else selection.toggle(item.id)
    } else if (command && event.key.toLowerCase() === 'a') selection.all(items)
    else if (event.key === 'Enter' && !command) onOpen(item)
    else if (event.key === 'Delete' || (event.key === 'Backspace' && command)) {
      const leaving = selection.size ? items.filter((each) => selection.has(each.id)) : [item]
      const stays = items.findIndex((each, index) => index > focus && !leaving.includes(each))
      const before = items.findLast((each, index) => index < focus && !leaving.includes(each))
      onDelete(leaving)
      setFocusId((stays >= 0 ? items[stays] : before)?.id ?? null)
      moved.current = items.length > leaving.length
    } else if (event.key === 'Escape' && selection.size) selection.clear()
    else return
    event.preventDefault()
  }

  const drawn = []
  for (let index = window_.first * columns; index < Math.min(window_.last * columns, items.length); index += 1) drawn.push(index)
  // The file that has the focus stays in the page, or the keyboard would lose its place.
  if (items.length && !drawn.includes(focus)) drawn.push(focus)
  const place = (index) => ({ x: (index % columns) * (width + gap), y: Math.floor(index / columns) * step, width, height })
  const skeletons = []
  for (let index = Math.max(items.length, window_.first * columns); index < Math.min(items.length + waiting, window_.last * columns); index += 1) {
    skeletons.push(index)
  }

  return html`<div class=${`grid ${layout}`} ref=${frame} style=${{ height: `${window_.total}px` }}>
    ${items.length > 0 &&
    html`<div role="listbox" aria-multiselectable="true" aria-label=${label} aria-busy=${loading ? 'true' : 'false'} onKeyDown=${onKeyDown}>
      ${window_.measured &&
      drawn.map(
        (index) => html`<${Tile}
          key=${items[index].id}
          item=${items[index]}
          index=${index}
          place=${place(index)}
          layout=${layout}
          focused=${index === focus}
          chosen=${chosen.has(items[index].id)}
          choosing=${mode}
          on=${on}
        />`,
      )}
    </div>`}
    ${window_.measured &&
    skeletons.map((index) => {
      const { x, y } = place(index)
      return html`<div
        key=${`skeleton ${index}`}
        class=${`tile ${layout} skeleton`}
        aria-hidden="true"
        style=${{ transform: `translate(${x}px, ${y}px)`, width: `${width}px`, height: `${height}px` }}
      >
        <div class="thumb" /><div class="tile-text"><span /><span /></div>
      </div>`
    })}
  </div>`
}
