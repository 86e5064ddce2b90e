import { html, useEffect, useRef, useState } from '../vendor/preact.js'
import * as format from '../lib/format.js'
import { usePlaceholder } from '../lib/placeholder.js'
import { Icon } from './icon.js'

const FILLS = new Set(['image', 'video'])
// A screen may get a tenth fewer pixels than it has: nobody sees it, and where a width just falls short, the next one has four
// times the pixels.
const ENOUGH = 0.9
const LONG = 15 * 60_000 // milliseconds after which an upload that did not end has probably stopped

/** A file's picture: its placeholder at once, the picture when it has come, an outline of its kind where there is none. */
export function Thumbnail({ item, width, onBroken }) {
  const [loaded, setLoaded] = useState(false)
  const image = useRef()
  const source = item.pictures.at(-1)?.[1] ?? null
  // The picture may be there already, in the browser's memory.
  useEffect(() => setLoaded(Boolean(image.current?.complete && image.current.naturalWidth)), [source])
  const blurred = usePlaceholder(item.thumbhash, !loaded)
  const known = Boolean(source || item.thumbhash)
  const fills = FILLS.has(item.kind)
  const before = { backgroundColor: item.color, backgroundImage: blurred && !loaded ? `url(${blurred})` : 'none' }
  const shape = fills ? 'fills' : item.width >= item.height ? 'slide' : 'paper'
  const page = fills ? {} : { aspectRatio: `${item.width ?? 3} / ${item.height ?? 4}`, ...before }
  return html`<div class=${`thumb ${known ? shape : 'plain'}`} style=${known && fills ? before : {}}>
    ${source &&
    html`<img
      key=${item.tries ?? 0}
      ref=${image}
      class=${loaded ? 'there' : ''}
      style=${page}
      alt=""
      decoding="async"
      draggable=${false}
      sizes=${`${Math.ceil(width * ENOUGH)}px`}
      srcset=${item.pictures.map(([pixels, url]) => `${url} ${pixels}w`).join(', ')}
      src=${source}
      onLoad=${() => setLoaded(true)}
      onError=${() => onBroken(item.id)}
    />`}
    ${!source && known && !fills && html`<span class="page" style=${page} />`}
    ${!known && html`<span class="thumb-kind" aria-hidden="true"><${Icon} name=${item.kind ?? 'other'} size="34" /><b>${format.extension(item.filename)}</b></span>`}
    <${State} item=${item} />
  </div>`
}

function State({ item }) {
  if (item.status === 'failed') return html`<span class="badge danger thumb-state"><${Icon} name="alert" size="14" /> Failed</span>`
  if (item.status === 'processing') return html`<span class="badge accent thumb-state"><span class="spinner" /> Processing</span>`
  if (item.status === 'awaiting_upload') {
    const text = Date.now() - Date.parse(item.createdAt) < LONG ? 'Uploading' : 'Not uploaded'
    return html`<span class="badge thumb-state">${text}</span>`
  }
  if (item.status === 'expired') return html`<span class="badge thumb-state">Expired</span>`
  if (item.duration != null) return html`<span class="badge dark thumb-state end">${format.clock(item.duration)}</span>`
  if (item.pages > 1) return html`<span class="badge dark thumb-state end">${format.plural(item.pages, 'page')}</span>`
  return null
}

/** A file's size and age in one line, or why it failed. */
export function Facts({ item }) {
  if (item.status === 'failed' && item.error) return html`<span class="tile-facts failed" title=${item.error}>${item.error}</span>`
  return html`<span class="tile-facts">
    ${item.visibility === 'public' && html`<${Icon} name="globe" size="13" /><span class="unseen">Public, </span> `}<span class="number">${format.bytes(item.size)}</span> · ${item.folder ? html`<span class="unseen">in the folder </span><bdi>${item.folder}</bdi>` : format.ago(item.createdAt)}
  </span>`
}

/**
 * One file of the list, in the layout `grid` or `list`. `place` is its position in pixels; `on` has `click`, `check`,
 * `broken`.
 */
export function Tile({ item, index, place, layout, focused, chosen, choosing, on }) {
  const style = { transform: `translate(${place.x}px, ${place.y}px)`, width: `${place.width}px`, height: `${place.height}px` }
  return html`<div
    class=${`tile ${layout} ${chosen ? 'chosen' : ''} ${choosing ? 'choosing' : ''}`}
    style=${style}
    role="option"
    id=${item.id}
    data-index=${index}
    tabindex=${focused ? 0 : -1}
    aria-selected=${chosen ? 'true' : 'false'}
    aria-posinset=${index + 1}
    aria-setsize="-1"
    onClick=${(event) => on.click(event, item, index)}
    onAuxClick=${(event) => event.button === 1 && on.aside(item)}
  >
    <span class="tile-check" onClick=${(event) => on.check(event, item, index)}><${Icon} name="check" size="16" /></span>
    <${Thumbnail} item=${item} width=${layout === 'list' ? 40 : place.width} onBroken=${on.broken} />
    <div class="tile-text">
      <bdi class="tile-name" title=${item.folder ? `${item.folder}/${item.filename}` : item.filename}>${item.filename}</bdi>
      ${layout === 'list' && html`<span class="tile-tags">${item.tags.slice(0, 3).map((tag) => html`<bdi class="badge" key=${tag}>${tag}</bdi>`)}</span>`}
      <${Facts} item=${item} />
    </div>
  </div>`
}
