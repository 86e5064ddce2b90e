import { html } from '../../vendor/preact.js'
import * as format from '../../lib/format.js'
import { href } from '../../lib/router.js'
import { CopyButton, Icon } from '../../lib/ui.js'
import { embedded, general, ofKind, text } from './facts.js'

const Rows = ({ rows }) =>
  html`<dl class="file-facts">
    ${rows.map(([label, value], index) => html`<div key=${index}><dt><bdi>${label}</bdi></dt><dd><bdi>${value}</bdi></dd></div>`)}
  </dl>`

/** Everything that the record says, for a person. */
export function Details({ file, onEdit, onFocus, onPoster }) {
  const { record } = file
  const kind = ofKind(record)
  const inside = embedded(record)
  const metadata = Object.entries(record.metadata ?? {})
  return html`<div class="details">
    <section aria-labelledby="facts-file">
      <div class="section-head">
        <h2 id="facts-file">File</h2>
        ${onEdit && html`<button type="button" class="button quiet" onClick=${onEdit}><${Icon} name="edit" size="16" /> Edit</button>`}
      </div>
      <div class="tags">
        ${(record.tags ?? []).map((tag) => html`<a key=${tag} class="file-chip" href=${href('/', { tag })}><bdi>${tag}</bdi></a>`)}
        ${!record.tags?.length && html`<span class="hint">No tags</span>`}
      </div>
      <${Rows} rows=${general(record)} />
    </section>
    ${kind.length > 0 &&
    html`<section aria-labelledby="facts-kind"><h2 id="facts-kind">About it</h2><${Rows} rows=${kind} />${record.image && html`<${Palette} image=${record.image} />`}</section>`}
    ${onFocus &&
    html`<section aria-labelledby="facts-focus"><div class="section-head"><h2 id="facts-focus">Focal point</h2>
      <button type="button" class="button quiet" onClick=${onFocus}><${Icon} name="target" size="16" /> ${record.focus ? 'Change' : 'Choose'}</button></div>
      <p class="hint">${record.focus ? `${Math.round(record.focus.x * 100)}% from the left, ${Math.round(record.focus.y * 100)}% from the top` : 'Crops keep the middle.'}</p></section>`}
    ${onPoster &&
    html`<section aria-labelledby="facts-poster"><div class="section-head"><h2 id="facts-poster">Poster</h2>
      ${record.poster && html`<button type="button" class="button quiet" disabled=${record.status === 'processing'} onClick=${onPoster}>Choose it for me</button>`}</div>
      <p class="hint">${poster(record)}</p></section>`}
    <section aria-labelledby="facts-metadata">
      <h2 id="facts-metadata">Metadata</h2>
      ${metadata.length ? html`<${Rows} rows=${metadata.map(([name, value]) => [name, text(value)])} />` : html`<p class="hint">None</p>`}
    </section>
    ${inside.length > 0 && html`<section aria-labelledby="facts-inside"><h2 id="facts-inside">${record.image ? 'EXIF' : 'Tags in the file'}</h2><${Rows} rows=${inside} /></section>`}
    <section aria-labelledby="facts-ids">
      <h2 id="facts-ids">Identity</h2>
      <dl class="file-facts wide">
        <div><dt>Id</dt><dd class="copyable"><code>${record.id}</code><${CopyButton} text=${record.id} label="Copy id" /></dd></div>
        <div><dt>SHA-256</dt><dd class="copyable">${record.sha256 ? html`<code>${record.sha256}</code><${CopyButton} text=${record.sha256} label="Copy hash" />` : html`<span class="hint">${record.status === 'ready' ? 'not there yet' : 'none'}</span>`}</dd></div>
        <div><dt>Revision</dt><dd>${record.revision}</dd></div>
      </dl>
    </section>
  </div>`
}

function poster(record) {
  const at = record.video.poster_time == null ? '' : ` It shows the film at ${format.clock(record.video.poster_time)}.`
  return `${record.poster ? 'Somebody chose it.' : 'It was chosen by itself.'}${at} Stop the film at another frame to use that.`
}

const COLOUR = /^#[0-9a-f]{6}$/i

const Palette = ({ image }) => {
  const colours = (image.palette ?? []).filter((colour) => COLOUR.test(colour))
  if (!colours.length) return null
  return html`<ul class="palette" aria-label="Colours">
    ${colours.map((colour) => html`<li key=${colour} title=${colour} style=${{ background: colour }}><span class="unseen">${colour}</span></li>`)}
  </ul>`
}
