import { html, useCallback, useEffect, useLayoutEffect, useRef, useState } from '../../vendor/preact.js'
import { Icon } from '../../lib/ui.js'
import { pictureOf, rendition } from './addresses.js'
import { useTries } from './fresh.js'
import { actual, bounded, FIT, fitted, largest, zoomed } from './zoom.js'

const STEP = 1.5
const PAN = 60 // CSS pixels for a key

/** The size of an element in CSS pixels, and again whenever it changes. */
export function useSize(ref) {
  const [size, setSize] = useState({ width: 0, height: 0 })
  useLayoutEffect(() => {
    const measure = () => setSize({ width: ref.current.clientWidth, height: ref.current.clientHeight })
    const observer = new ResizeObserver(measure)
    observer.observe(ref.current)
    measure()
    return () => observer.disconnect()
  }, [])
  return size
}

/** A picture that can be zoomed and moved: with the wheel, two fingers, the mouse, the keyboard, or its buttons. */
export function Picture({ file, alt, children = null }) {
  const { record } = file
  const picture = record.image ?? record.preview
  const frame = useRef()
  const size = useSize(frame)
  const [view, setView] = useState(FIT)
  const [moving, setMoving] = useState(false)
  const known = picture?.width && size.width
  const change = useCallback((how) => setView((old) => (known ? how(old) : old)), [known, size.width, size.height])
  const zoom = (factor, point = { x: 0, y: 0 }) => change((old) => zoomed(old, factor, point, picture, size))
  const pan = (x, y) => change((old) => bounded({ ...old, x: old.x + x, y: old.y + y }, picture, size))
  const toActual = () => change(() => bounded({ scale: actual(picture, size), x: 0, y: 0 }, picture, size))
  useEffect(() => {
    if (known) setView((old) => bounded(old, picture, size))
  }, [size.width, size.height])

  const pointers = usePointers(frame, { zoom, pan, setMoving })
  const key = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const act = {
      '+': () => zoom(STEP),
      '=': () => zoom(STEP),
      '-': () => zoom(1 / STEP),
      0: () => setView(FIT),
      1: toActual,
      ArrowLeft: view.scale > 1 && (() => pan(PAN, 0)),
      ArrowRight: view.scale > 1 && (() => pan(-PAN, 0)),
      ArrowUp: view.scale > 1 && (() => pan(0, PAN)),
      ArrowDown: view.scale > 1 && (() => pan(0, -PAN)),
    }[event.key]
    if (!act) return
    event.preventDefault()
    event.stopPropagation()
    act()
  }

  const drawn = known ? fitted(picture, size) : { width: 0, height: 0 }
  const svg = rendition(record, 'clean', 'svg')
  const source = svg?.url ?? pictureOf(record, drawn.width * devicePixelRatio)
  const loading = useTries(file, source)
  const percent = known ? Math.round((view.scale / actual(picture, size)) * 100) : 100
  return html`<div class=${`stage picture ${view.scale > 1 ? 'zoomed' : ''} ${moving ? 'moving' : ''}`}>
    <div
      class="frame"
      ref=${frame}
      style=${picture?.width ? { aspectRatio: `${picture.width} / ${picture.height}` } : {}}
      tabindex="0"
      role="group"
      aria-label="Picture. Plus and minus zoom, arrows move, 0 fits it in."
      onKeyDown=${key}
      onDblClick=${(event) => (view.scale > 1 ? setView(FIT) : zoom(2.5, pointOf(event, frame.current)))}
      ...${pointers}
    >
      ${known &&
      html`<div
        class="zoomable"
        style=${{ width: `${drawn.width}px`, height: `${drawn.height}px`, transform: `translate(${view.x}px, ${view.y}px) scale(${view.scale})` }}
      >
        <img
          key=${loading.tries}
          class=${picture.has_alpha ? 'clear' : ''}
          src=${source}
          srcset=${svg ? undefined : record.delivery?.srcset?.webp || undefined}
          sizes=${`${Math.ceil(drawn.width * view.scale)}px`}
          alt=${alt}
          draggable=${false}
          decoding="async"
          style=${{ backgroundImage: picture.has_alpha || !record.delivery?.placeholder ? undefined : `url("${record.delivery.placeholder}")` }}
          onError=${loading.onError}
          onLoad=${loading.onLoad}
        />
        ${children}
      </div>`}
      ${loading.failed && html`<p class="stage-note" role="alert">The picture can’t be loaded. <button type="button" class="button" disabled=${loading.busy} onClick=${loading.again}>Try again</button></p>`}
    </div>
    ${known &&
    html`<div class="stage-tools" role="toolbar" aria-label="Zoom">
      <button type="button" class="icon-button" aria-label="Zoom out" disabled=${view.scale <= 1} onClick=${() => zoom(1 / STEP)}><${Icon} name="minus" /></button>
      <output class="number" aria-label="Zoom">${percent}%</output>
      <button type="button" class="icon-button" aria-label="Zoom in" disabled=${view.scale >= largest(picture, size)} onClick=${() => zoom(STEP)}><${Icon} name="plus" /></button>
      <button type="button" class="tool" aria-pressed=${view.scale === 1 ? 'true' : 'false'} onClick=${() => setView(FIT)}>Fit</button>
      <button type="button" class="tool" onClick=${toActual}>1:1<span class="unseen">, actual size</span></button>
    </div>`}
  </div>`
}

/** A point of the page, from the middle of an element. */
function pointOf(event, element) {
  const box = element.getBoundingClientRect()
  return { x: event.clientX - box.left - box.width / 2, y: event.clientY - box.top - box.height / 2 }
}

/** Handlers for the mouse, fingers and the wheel. One pointer moves, two zoom. */
function usePointers(frame, act) {
  const down = useRef(new Map())
  const latest = useRef(act)
  latest.current = act
  useEffect(() => {
    // A wheel over the picture zooms with Ctrl (a pinch on a trackpad does the same); without it, the page scrolls.
    const wheel = (event) => {
      if (!event.ctrlKey && !event.metaKey) return
      event.preventDefault()
      latest.current.zoom(Math.exp(-event.deltaY / 200), pointOf(event, frame.current))
    }
    frame.current.addEventListener('wheel', wheel, { passive: false })
    return () => frame.current?.removeEventListener('wheel', wheel)
  }, [])
  const onPointerDown = (event) => {
    if (event.button !== 0) return
    frame.current.setPointerCapture(event.pointerId)
    down.current.set(event.pointerId, { x: event.clientX, y: event.clientY })
    act.setMoving(true)
  }
  const onPointerMove = (event) => {
    const before = down.current.get(event.pointerId)
    if (!before) return
    const now = { x: event.clientX, y: event.clientY }
    const other = [...down.current].find(([id]) => id !== event.pointerId)?.[1]
    down.current.set(event.pointerId, now)
    if (!other) {
      act.pan(now.x - before.x, now.y - before.y)
      return
    }
    const between = (point) => Math.hypot(point.x - other.x, point.y - other.y)
    const middle = { clientX: (now.x + other.x) / 2, clientY: (now.y + other.y) / 2 }
    act.zoom(between(now) / (between(before) || 1), pointOf(middle, frame.current))
  }
  const onPointerUp = (event) => {
    down.current.delete(event.pointerId)
    if (!down.current.size) act.setMoving(false)
  }
  return { onPointerDown, onPointerMove, onPointerUp, onPointerCancel: onPointerUp }
}
