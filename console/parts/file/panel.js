import { html, useState } from '../../vendor/preact.js'
import { session } from '../../lib/session.js'
import { rendition } from './addresses.js'
import { Captions } from './captions.js'
import { Code } from './code.js'
import { Details } from './details.js'
import { Edit } from './edit.js'
import { History } from './history.js'
import { Renditions } from './renditions.js'
import { Shares } from './shares.js'
import { Tabs } from './tabs.js'

/** The tabs beside the viewer that this file has and that the scopes allow. */
export function panelsOf(record) {
  const writes = session.writes
  return [
    { id: 'details', label: 'Details' },
    { id: 'renditions', label: 'Renditions' },
    { id: 'code', label: 'Code' },
    writes && session.reads && record.status === 'ready' && { id: 'share', label: 'Share' },
    rendition(record, 'hls') && (writes || record.captions?.length > 0) && { id: 'captions', label: 'Captions' },
    session.reads && { id: 'history', label: 'History' },
  ].filter(Boolean)
}

export function Panel({ file, chosen, onChoose, onFocus, onPoster }) {
  const [editing, setEditing] = useState(false)
  const panels = panelsOf(file.record)
  const panel = panels.find((each) => each.id === chosen)?.id ?? 'details'
  const edits = session.writes && file.record.status !== 'expired'
  // A form that was begun stays, whatever else somebody looks at meanwhile.
  const form = editing && edits
  const draw = {
    details: () => !form && html`<${Details} file=${file} onEdit=${edits && (() => setEditing(true))} onFocus=${edits && onFocus} onPoster=${edits && onPoster} />`,
    renditions: () => html`<${Renditions} file=${file} />`,
    code: () => html`<${Code} file=${file} />`,
    share: () => html`<${Shares} file=${file} />`,
    captions: () => html`<${Captions} file=${file} writes=${session.writes} />`,
    history: () => html`<${History} file=${file} />`,
  }[panel]
  return html`<${Tabs} label="About this file" tabs=${panels} chosen=${panel} onChoose=${onChoose} panel="about" className="about">
    ${form && html`<div hidden=${panel !== 'details'}><${Edit} file=${file} onDone=${() => setEditing(false)} /></div>`}
    ${draw()}
  <//>`
}
