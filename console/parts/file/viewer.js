import { html, useState } from '../../vendor/preact.js'
import { Icon } from '../../lib/ui.js'
import * as format from '../../lib/format.js'
import { rendition, widths } from './addresses.js'
import { Archive } from './archive.js'
import { Email } from './email.js'
import { KIND_NAMES } from './facts.js'
import { Pages } from './pages.js'
import { Picture } from './picture.js'
import { CsvTable, Workbook } from './sheet.js'
import { Sound } from './sound.js'
import { Failed, Waiting } from './status.js'
import { Tabs } from './tabs.js'
import { Text } from './text.js'
import { Video } from './video.js'

/** The text that a screen reader says in place of the picture. */
export const altOf = (record) => record.image?.caption || record[record.kind]?.title || record.filename || 'File'

/** The ways to see a record, the best first: {id, label, draw}. */
function waysOf(record) {
  const picture = widths(record).length > 0 || rendition(record, 'clean', 'svg')
  const text = rendition(record, 'text', 'txt')
  const asText = text && { id: 'text', label: 'Text', draw: ({ file }) => html`<${Text} file=${file} />` }
  const asPicture = picture && {
    id: 'picture',
    label: 'Preview',
    draw: ({ file }) => html`<${Picture} file=${file} alt=${altOf(record)} />`,
  }
  const ways = {
    image: () => [asPicture],
    video: () => [{ id: 'film', label: 'Film', draw: ({ file, onFrame }) => html`<${Video} file=${file} alt=${altOf(record)} onFrame=${onFrame} />` }],
    audio: () => [{ id: 'sound', label: 'Sound', draw: ({ file }) => html`<${Sound} file=${file} alt=${altOf(record)} />` }],
    pdf: () => [picture && { id: 'pages', label: 'Pages', draw: ({ file }) => html`<${Pages} file=${file} />` }, asText],
    spreadsheet: () => [
      record.spreadsheet?.sheets?.length > 0 && { id: 'sheets', label: 'Sheets', draw: ({ file }) => html`<${Workbook} file=${file} />` },
      asPicture,
      asText,
    ],
    text: () => [
      text && ['csv', 'tsv'].includes(record.text?.format) && { id: 'table', label: 'Table', draw: ({ file }) => html`<${CsvTable} file=${file} />` },
      asText,
      asPicture,
    ],
    archive: () => [{ id: 'entries', label: 'Contents', draw: ({ file }) => html`<${Archive} file=${file} />` }],
    email: () => [record.email && { id: 'message', label: 'Message', draw: ({ file }) => html`<${Email} file=${file} />` }, asPicture],
    document: () => [asText && picture ? asPicture : null, asText, asPicture],
    font: () => [asPicture && { ...asPicture, label: 'Specimen' }],
  }[record.kind] ?? (() => [asPicture, asText])
  const found = ways().filter(Boolean)
  return found.filter((way, index) => found.findIndex((each) => each.id === way.id) === index)
}

/** A file as its kind is best seen; with tabs where there are several ways. */
export function Viewer({ file, onFrame, onReprocess }) {
  const { record } = file
  const [chosen, setChosen] = useState(null)
  if (record.status === 'failed' && record.error) return html`<${Failed} file=${file} onReprocess=${onReprocess} />`
  // A file that is processed again shows its old renditions until the new ones are there.
  const shows = record.renditions?.length > 0
  if (record.status !== 'ready' && !(record.status === 'processing' && shows)) return html`<${Waiting} record=${record} />`
  const ways = waysOf(record)
  if (!ways.length) return html`<${Plain} record=${record} />`
  const way = ways.find((each) => each.id === chosen) ?? ways[0]
  const drawn = way.draw({ file, onFrame })
  if (ways.length === 1) return html`<div class="viewer">${drawn}</div>`
  return html`<div class="viewer">
    <${Tabs} label="View" tabs=${ways} chosen=${way.id} onChoose=${setChosen} panel="view" className="views">${drawn}<//>
  </div>`
}

function Plain({ record }) {
  return html`<div class="stage bare">
    <${Icon} name=${record.kind ?? 'other'} size="64" />
    <h2>No preview</h2>
    <p class="hint">${KIND_NAMES[record.kind] && record.kind !== 'other' ? `This ${KIND_NAMES[record.kind].toLowerCase()}` : 'This file'} has nothing to show here. The original (${format.bytes(record.size)}) can be downloaded.</p>
  </div>`
}
