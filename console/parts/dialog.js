import { html, useEffect, useRef } from '../vendor/preact.js'
import { createStore, useStore } from '../lib/store.js'
import { Icon } from './icon.js'

let made = 0

/**
 * A modal dialog: the browser keeps the focus inside, closes it with Escape, and gives the focus back. Children may be a
 * `<form>`. `onClose` is called however it is closed.
 */
export function Dialog({ title, onClose, children, wide = false }) {
  const dialog = useRef()
  const id = useRef((made += 1))
  useEffect(() => {
    const before = document.activeElement
    dialog.current.showModal()
    dialog.current.querySelector('[autofocus]')?.focus()
    return () => before?.isConnected && before.focus({ preventScroll: true })
  }, [])
  return html`<dialog
    ref=${dialog}
    class=${wide ? 'wide' : ''}
    aria-labelledby=${`dialog-${id.current}`}
    onClose=${(event) => event.target === dialog.current && onClose()}
    onClick=${(event) => event.target === dialog.current && dialog.current.close()}
  >
    <div class="dialog">
      <header>
        <h2 id=${`dialog-${id.current}`}>${title}</h2>
        <button type="button" class="icon-button" aria-label="Close" onClick=${() => dialog.current.close()}>
          <${Icon} name="close" />
        </button>
      </header>
      ${children}
    </div>
  </dialog>`
}

const open = createStore([])

/** Shows what `draw(close)` draws over the page until `close(answer)` is called. Resolves to the answer. */
export function show(draw) {
  return new Promise((resolve) => {
    const item = {
      id: (made += 1),
      draw: () =>
        draw((answer) => {
          open.set((all) => all.filter((each) => each !== item))
          resolve(answer)
        }),
    }
    open.set((all) => [...all, item])
  })
}

/** Asks a question. Resolves to true if it is confirmed by the button that is called `action`. */
export function confirm({ title, text, action, danger = false }) {
  return show(
    (close) => html`<${Dialog} title=${title} onClose=${() => close(false)}>
      <p>${text}</p>
      <footer>
        <button type="button" class="button" autofocus onClick=${() => close(false)}>Cancel</button>
        <button type="button" class=${`button ${danger ? 'danger' : 'primary'}`} onClick=${() => close(true)}>${action}</button>
      </footer>
    <//>`,
  )
}

export function Dialogs() {
  const all = useStore(open)
  return all.map((item) => html`<${Drawn} key=${item.id} draw=${item.draw} />`)
}

const Drawn = ({ draw }) => draw()
