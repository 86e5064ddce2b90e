import { html, useEffect, useRef } from '../../vendor/preact.js'

/** Tabs as WAI-ARIA has them: arrows go from one to the next, Home and End to the first and last. Tabs are {id, label}. */
export function Tabs({ label, tabs, chosen, onChoose, panel, className = '', children }) {
  const list = useRef()
  useEffect(() => {
    // If not all tabs have room, the chosen one is scrolled into sight.
    const tab = list.current.querySelector('[aria-selected=true]')
    const box = list.current
    if (tab.offsetLeft < box.scrollLeft) box.scrollLeft = tab.offsetLeft
    else if (tab.offsetLeft + tab.offsetWidth > box.scrollLeft + box.clientWidth) box.scrollLeft = tab.offsetLeft + tab.offsetWidth - box.clientWidth
  }, [chosen])
  const key = (event) => {
    const at = tabs.findIndex((tab) => tab.id === chosen)
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key]
    if (to === undefined) return
    event.preventDefault()
    event.stopPropagation()
    const next = (to + tabs.length) % tabs.length
    onChoose(tabs[next].id)
    list.current.children[next].focus()
  }
  return html`<div class=${`tabs ${className}`}>
    <div class="tab-list" role="tablist" aria-label=${label} ref=${list} onKeyDown=${key}>
      ${tabs.map(
        (tab) => html`<button
          key=${tab.id}
          type="button"
          role="tab"
          id=${`${panel}-tab-${tab.id}`}
          class="tab"
          aria-selected=${tab.id === chosen ? 'true' : 'false'}
          aria-controls=${`${panel}-panel`}
          tabindex=${tab.id === chosen ? 0 : -1}
          onClick=${() => onChoose(tab.id)}
        ><bdi>${tab.label}</bdi></button>`,
      )}
    </div>
    <div class="tab-panel" role="tabpanel" id=${`${panel}-panel`} aria-labelledby=${`${panel}-tab-${chosen}`} tabindex="-1">${children}</div>
  </div>`
}
