import { html, useEffect, useRef, useState } from '../../vendor/preact.js'
import { Icon } from '../../lib/ui.js'
import { addressOf, widthFor } from './addresses.js'
import { useTries } from './fresh.js'
import { useSize } from './picture.js'

/** Pictures are made up to this page (docs/kinds.md). */
export const MOST_PAGES = 500
const ZOOMS = [0.5, 0.75, 1, 1.5, 2, 3]
const A4 = [595, 842]

/** Height by width of page `number` (from 1). The record has the sizes of the first pages; the others are like the last. */
export function ratioOf(pdf, number) {
  const sizes = pdf.sizes ?? []
  const [width, height] = sizes[number - 1] ?? sizes.at(-1) ?? A4
  return width > 0 && height > 0 ? height / width : A4[1] / A4[0]
}

/** The pages of a PDF below each other. Only those that are seen, and their neighbours, are loaded. */
export function Pages({ file }) {
  const { record } = file
  const total = record.pdf.pages ?? 1
  const count = Math.min(total, MOST_PAGES)
  const scroller = useRef()
  const size = useSize(scroller)
  const [zoom, setZoom] = useState(2)
  const [now, setNow] = useState(1)
  const [near, setNear] = useState(() => new Set([1, 2]))
  const width = Math.max(120, Math.min(size.width - 32, 860)) * ZOOMS[zoom]

  useEffect(() => {
    if (!size.width) return undefined
    const seen = new IntersectionObserver(
      (changes) =>
        setNear((old) => {
          const next = new Set(old)
          for (const { target, isIntersecting } of changes) {
            if (isIntersecting) next.add(Number(target.dataset.page))
            else next.delete(Number(target.dataset.page))
          }
          return next
        }),
      { root: scroller.current, rootMargin: '60% 0px' },
    )
    for (const page of scroller.current.querySelectorAll('[data-page]')) seen.observe(page)
    return () => seen.disconnect()
  }, [count, size.width > 0])

  const pageAt = () => {
    const middle = scroller.current.scrollTop + scroller.current.clientHeight / 3
    const pages = [...scroller.current.querySelectorAll('[data-page]')]
    const at = pages.findLast((page) => page.offsetTop <= middle)
    setNow(Number(at?.dataset.page ?? 1))
  }
  const goTo = (number) => {
    const page = scroller.current.querySelector(`[data-page="${Math.min(Math.max(number, 1), count)}"]`)
    if (page) scroller.current.scrollTo({ top: page.offsetTop - 12 })
    setNow(Math.min(Math.max(number, 1), count))
  }
  const key = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== scroller.current) return
    const act = {
      ArrowRight: () => goTo(now + 1),
      ArrowLeft: () => goTo(now - 1),
      Home: () => goTo(1),
      End: () => goTo(count),
      '+': () => setZoom(Math.min(zoom + 1, ZOOMS.length - 1)),
      '-': () => setZoom(Math.max(zoom - 1, 0)),
      0: () => setZoom(2),
    }[event.key]
    if (!act) return
    event.preventDefault()
    event.stopPropagation()
    act()
  }
  return html`<div class="stage pages">
    <div class="scroller" ref=${scroller} tabindex="0" role="group" aria-label="Pages. Left and right turn them." onScroll=${pageAt} onKeyDown=${key}>
      ${size.width > 0 &&
      Array.from({ length: count }, (_, index) => index + 1).map(
        (number) =>
          html`<${Page} key=${number} file=${file} number=${number} width=${width} ratio=${ratioOf(record.pdf, number)} shown=${near.has(number)} />`,
      )}
      ${total > count && html`<p class="hint">Only the first ${count} of ${total} pages are drawn. Download the original to see the others.</p>`}
    </div>
    <div class="stage-tools" role="toolbar" aria-label="Pages">
      <button type="button" class="icon-button" aria-label="Page before" disabled=${now <= 1} onClick=${() => goTo(now - 1)}><${Icon} name="left" /></button>
      <${PageNumber} now=${now} count=${count} goTo=${goTo} />
      <button type="button" class="icon-button" aria-label="Next page" disabled=${now >= count} onClick=${() => goTo(now + 1)}><${Icon} name="right" /></button>
      <span class="tools-gap" />
      <button type="button" class="icon-button" aria-label="Zoom out" disabled=${zoom === 0} onClick=${() => setZoom(zoom - 1)}><${Icon} name="minus" /></button>
      <output class="number" aria-label="Zoom">${Math.round(ZOOMS[zoom] * 100)}%</output>
      <button type="button" class="icon-button" aria-label="Zoom in" disabled=${zoom === ZOOMS.length - 1} onClick=${() => setZoom(zoom + 1)}><${Icon} name="plus" /></button>
    </div>
  </div>`
}

function PageNumber({ now, count, goTo }) {
  const [typed, setTyped] = useState(null)
  const go = (event) => {
    event.preventDefault()
    if (Number(typed) > 0) goTo(Math.floor(Number(typed)))
    setTyped(null)
  }
  return html`<form class="page-number" onSubmit=${go}>
    <input
      type="text"
      inputmode="numeric"
      aria-label=${`Page, of ${count}`}
      size=${String(count).length}
      value=${typed ?? now}
      onFocus=${(event) => event.target.select()}
      onInput=${(event) => setTyped(event.target.value)}
      onBlur=${go}
    />
    <span aria-hidden="true">/ ${count}</span>
  </form>`
}

function Page({ file, number, width, ratio, shown }) {
  const { record } = file
  const wanted = widthFor(record, width * devicePixelRatio)
  const name = number === 1 ? `w${wanted}.webp` : `p${number}-w${wanted}.webp`
  const source = wanted && addressOf(record, name)
  const { failed, busy, tries, onError, again } = useTries(file, source)
  return html`<div class="sheet" data-page=${number} style=${{ width: `${width}px`, height: `${width * ratio}px` }}>
    ${shown && source && !failed && html`<img key=${`${source} ${tries}`} src=${source} alt=${`Page ${number}`} onError=${onError} />`}
    ${failed && html`<p class="sheet-note">Page ${number} can’t be loaded. <button type="button" class="button" disabled=${busy} onClick=${again}>Try again</button></p>`}
    ${!source && html`<p class="sheet-note">There is no picture of page ${number}.</p>`}
  </div>`
}
