import { html, useEffect, useState } from '../vendor/preact.js'
import { createStore, useStore } from '../lib/store.js'
import { Icon } from './icon.js'

const MOST = 4
const SECONDS = 6
const SECONDS_WITH_UNDO = 10

const toasts = createStore([])
let made = 0

/**
 * Says something for some seconds; screen readers say it, too. Options: `undo`, what the button "Undo" does; `danger`;
 * `ended(undone)`, called once when it goes. Returns a function that ends it.
 */
export function toast(text, { undo = null, danger = false, ended = null } = {}) {
  made += 1
  const item = { id: made, text, undo, danger, ended, seconds: undo ? SECONDS_WITH_UNDO : SECONDS }
  for (const oldest of toasts.get().slice(0, Math.max(0, toasts.get().length + 1 - MOST))) end(oldest)
  toasts.set((all) => [...all, item])
  return () => end(item)
}

function end(item, undone = false) {
  if (!toasts.get().includes(item)) return
  toasts.set((all) => all.filter((each) => each !== item))
  if (undone) item.undo()
  item.ended?.(undone)
}

/** Undoes the newest of what can be undone. Returns false if there is nothing. */
export function undoNewest() {
  const newest = toasts.get().findLast((each) => each.undo)
  if (newest) end(newest, true)
  return Boolean(newest)
}

function Toast({ item }) {
  const [held, setHeld] = useState(false)
  useEffect(() => {
    if (held) return undefined
    const timer = setTimeout(() => end(item), item.seconds * 1000)
    return () => clearTimeout(timer)
  }, [held])
  return html`<div
    class=${`toast ${item.danger ? 'danger' : ''}`}
    onPointerEnter=${() => setHeld(true)}
    onPointerLeave=${() => setHeld(false)}
    onfocusin=${() => setHeld(true)}
    onfocusout=${() => setHeld(false)}
  >
    <span class="toast-text">${item.text}</span>
    ${item.undo && html`<button class="button quiet" onClick=${() => end(item, true)}>Undo</button>`}
    <button class="icon-button" aria-label="Dismiss" onClick=${() => end(item)}><${Icon} name="close" size="16" /></button>
  </div>`
}

export function Toasts() {
  const all = useStore(toasts)
  return html`<div class="toasts" role="status" aria-live="polite" aria-relevant="additions">
    ${all.map((item) => html`<${Toast} key=${item.id} item=${item} />`)}
  </div>`
}
