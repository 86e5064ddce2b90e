import { html } from '../../vendor/preact.js'
import * as format from '../../lib/format.js'
import { CopyButton, Icon, Time } from '../../lib/ui.js'
import { rendition } from './addresses.js'
import { freshLink } from './fresh.js'

const FORMATS = { jpeg: 'JPEG', webp: 'WebP', avif: 'AVIF', png: 'PNG', hls: 'HLS', json: 'JSON', txt: 'Text', svg: 'SVG' }

const sizeOf = (rendition) =>
  [
    rendition.width && `${rendition.width} × ${rendition.height}`,
    rendition.duration && format.clock(rendition.duration),
    rendition.pages && format.plural(rendition.pages, 'page'),
  ]
    .filter(Boolean)
    .join(', ')

/** All that was made of the file, with sizes and addresses. */
export function Renditions({ file }) {
  const { record } = file
  const all = record.renditions ?? []
  if (!all.length) return html`<p class="hint">Nothing was made of this file${record.status === 'ready' ? '.' : ' yet.'}</p>`
  const total = all.reduce((sum, each) => sum + (each.size ?? 0), 0)
  return html`<div class="renditions">
    <p class="hint">${format.plural(all.length, 'rendition')}, ${format.bytes(total)}.
      ${record.delivery?.expires_at ? html`${' '}The addresses are signed and work until <${Time} value=${record.delivery.expires_at} full=${true} />.` : ' The addresses are public and never change.'}</p>
    <ul class="rendition-list">
      ${all.map(
        (each) => html`<li key=${`${each.name} ${each.format}`}>
          <span class="rendition-name"><strong><bdi>${each.name}</bdi></strong> <span class="badge">${FORMATS[each.format] ?? each.format}</span></span>
          <span class="hint number">${[sizeOf(each), each.size == null ? '' : format.bytes(each.size)].filter(Boolean).join(' · ')}</span>
          ${each.url &&
          html`<span class="rendition-acts">
            <${CopyButton} text=${each.url} label="Copy address" />
            <a class="icon-button" ...${freshLink(file, (record) => rendition(record, each.name, each.format)?.url)} target="_blank" rel="noopener noreferrer" aria-label=${`Open ${each.name} as ${FORMATS[each.format] ?? each.format} in a new tab`}><${Icon} name="external" size="18" /></a>
          </span>`}
        </li>`,
      )}
    </ul>
    ${record.delivery?.srcset?.avif && html`<p class="hint">AVIF, and JPEG where it is missing here, is made when it is first asked for, in the same widths.</p>`}
  </div>`
}
