import { html, useEffect, useRef, useState } from '../vendor/preact.js'

let made = 0

/**
 * A button that opens a small panel below it. It closes with Escape, with a click outside, and when the focus leaves.
 * Children are buttons, links and fields, which Tab reaches. `close` may be called by a child that is a function.
 */
export function Menu({ label, button, children, className = 'icon-button', align = 'end' }) {
  const [open, setOpen] = useState(false)
  const root = useRef()
  const trigger = useRef()
  const id = useRef(`menu-${(made += 1)}`)
  useEffect(() => {
    if (!open) return undefined
    root.current.querySelector('[autofocus]')?.focus()
    const outside = (event) => root.current.contains(event.target) || setOpen(false)
    const key = (event) => {
      if (event.key !== 'Escape') return
      event.stopPropagation()
      setOpen(false)
      trigger.current.focus()
    }
    document.addEventListener('pointerdown', outside)
    document.addEventListener('keydown', key, true)
    return () => {
      document.removeEventListener('pointerdown', outside)
      document.removeEventListener('keydown', key, true)
    }
  }, [open])
  const left = (event) => event.relatedTarget && !root.current.contains(event.relatedTarget) && setOpen(false)
  return html`<div class="menu" ref=${root} onfocusout=${left}>
    <button
      type="button"
      ref=${trigger}
      class=${className}
      aria-label=${label}
      aria-expanded=${open ? 'true' : 'false'}
      aria-controls=${open ? id.current : undefined}
      onClick=${() => setOpen(!open)}
    >
      ${button}
    </button>
    ${open &&
    html`<div class=${`menu-panel ${align}`} id=${id.current} onClick=${(event) => event.target.closest('.menu-item') && setOpen(false)}>
      ${typeof children === 'function' ? children(() => setOpen(false)) : children}
    </div>`}
  </div>`
}
