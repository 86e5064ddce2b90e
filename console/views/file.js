import { html, useEffect, useLayoutEffect, useRef, useState } from '../vendor/preact.js'
import { listOf } from '../lib/came_from.js'
import { deleteFiles } from '../lib/deletion.js'
import { itemOf } from '../lib/records.js'
import { href, navigate } from '../lib/router.js'
import { session } from '../lib/session.js'
import { Icon } from '../lib/ui.js'
import { Menu } from '../parts/menu.js'
import { rendition, widths } from '../parts/file/addresses.js'
import { change, download, hold } from '../parts/file/acts.js'
import { FocusDialog } from '../parts/file/focus.js'
import { Gone } from '../parts/file/gone.js'
import { useNeighbours } from '../parts/file/neighbours.js'
import { Panel, panelsOf } from '../parts/file/panel.js'
import { useRecord } from '../parts/file/record.js'
import { ReprocessDialog } from '../parts/file/reprocess.js'
import { Warnings } from '../parts/file/status.js'
import { altOf, Viewer } from '../parts/file/viewer.js'

const STATUSES = {
  awaiting_upload: ['Waiting for upload', ''],
  processing: ['Processing', 'accent'],
  failed: ['Failed', 'danger'],
  expired: ['Expired', 'warn'],
}

/** A file's page: the file as its kind is best seen, and everything about it. */
export default function FilePage({ params }) {
  const file = useRecord(params.id)
  const { record } = file
  const back = listOf(params.id)?.back ?? '#/'
  const neighbours = useNeighbours(record)
  const [tab, setTab] = useState('details')
  const [dialog, setDialog] = useState(null)

  useEffect(() => {
    if (record) document.title = `${record.filename} – Filemill`
  }, [record?.filename])
  usePageKeys({ back, neighbours })

  if (file.problem && !record) return html`<${Gone} file=${file} back=${back} />`
  if (!record) return html`<div class="file-page loading" role="status"><span class="unseen">Loading the file</span></div>`

  const remove = () => {
    deleteFiles([itemOf(record)])
    location.hash = back
  }
  const poster = (time) => change(file, { poster: time === null ? null : { time } }, time === null ? 'A poster is chosen' : 'The poster is made')
  const picks = session.writes && record.kind === 'image' && record.status === 'ready' && widths(record).length > 0
  const films = session.writes && record.kind === 'video' && rendition(record, 'hls')
  return html`<div class="file-page">
    <${Head} file=${file} back=${back} neighbours=${neighbours} onShare=${() => setTab('share')} onReprocess=${() => setDialog('reprocess')} onDelete=${remove} />
    <div class="file-body">
      <div class="file-view">
        <${Viewer} file=${file} onFrame=${films ? poster : null} onReprocess=${() => setDialog('reprocess')} />
        <${Warnings} record=${record} />
      </div>
      <aside class="file-side" aria-label="About this file">
        <${Panel} file=${file} chosen=${tab} onChoose=${setTab} onFocus=${picks ? () => setDialog('focus') : null} onPoster=${films ? () => poster(null) : null} />
      </aside>
    </div>
    ${dialog === 'focus' && html`<${FocusDialog} file=${file} alt=${altOf(record)} onClose=${() => setDialog(null)} />`}
    ${dialog === 'reprocess' && html`<${ReprocessDialog} file=${file} onClose=${() => setDialog(null)} />`}
  </div>`
}

function Head({ file, back, neighbours, onShare, onReprocess, onDelete }) {
  const { record } = file
  const heading = useRef()
  useEffect(() => {
    // Somebody who came by the keyboard goes on from the name of the file.
    if (document.activeElement === document.body) heading.current.focus({ preventScroll: true })
  }, [])
  const [status, tone] = STATUSES[record.status] ?? []
  const stored = !['awaiting_upload', 'expired'].includes(record.status) && record.error?.code !== 'infected'
  const shares = panelsOf(record).some((panel) => panel.id === 'share')
  return html`<header class="file-head">
    <a class="icon-button" href=${back} aria-label="Back to the files"><${Icon} name="back" /></a>
    <div class="file-title">
      <h1 tabindex="-1" ref=${heading}><bdi title=${record.filename}>${record.filename}</bdi></h1>
      <p class="file-badges">
        ${status && html`<span class=${`badge ${tone}`} role="status">${status}</span>`}
        <span class="badge"><${Icon} name=${record.visibility === 'public' ? 'globe' : 'lock'} size="14" /> ${record.visibility === 'public' ? 'Public' : 'Private'}</span>
        ${record.legal_hold && html`<span class="badge warn"><${Icon} name="shield" size="14" /> Legal hold</span>`}
        ${record.delete_at && html`<span class="badge warn"><${Icon} name="clock" size="14" /> Ends by itself</span>`}
      </p>
    </div>
    <nav class="file-steps" aria-label="Files">
      <${Step} id=${neighbours.before} label="Previous file" icon="left" />
      <${Step} id=${neighbours.after} label="Next file" icon="right" />
    </nav>
    <div class="file-acts">
      ${stored && session.reads && html`<button type="button" class="button" aria-label="Download the original" onClick=${() => download(file)}><${Icon} name="download" size="18" /> <span>Download</span></button>`}
      ${shares && html`<button type="button" class="button" onClick=${onShare}><${Icon} name="share" size="18" /> <span>Share</span></button>`}
      ${session.writes && html`<${More} file=${file} stored=${stored} onReprocess=${onReprocess} onDelete=${onDelete} />`}
    </div>
  </header>`
}

function Step({ id, label, icon }) {
  if (!id) return html`<span class="icon-button off" aria-hidden="true"><${Icon} name=${icon} /></span>`
  return html`<a class="icon-button" href=${href(`/files/${id}`)} aria-label=${label}><${Icon} name=${icon} /></a>`
}

function More({ file, stored, onReprocess, onDelete }) {
  const { record } = file
  const settled = ['ready', 'failed'].includes(record.status)
  return html`<${Menu} label="More" button=${html`<${Icon} name="more" />`}>
    ${stored && settled && html`<button type="button" class="menu-item" onClick=${onReprocess}><${Icon} name="refresh" size="18" /> Process again …</button>`}
    ${session.has('keys:admin') && settled &&
    html`<button type="button" class="menu-item" onClick=${() => hold(file, !record.legal_hold)}><${Icon} name="shield" size="18" /> ${record.legal_hold ? 'Release the legal hold' : 'Put under legal hold'}</button>`}
    <button type="button" class="menu-item" disabled=${record.legal_hold} onClick=${onDelete}><${Icon} name="trash" size="18" /> ${record.legal_hold ? 'Can’t be deleted: legal hold' : 'Delete'}</button>
  <//>`
}

/** Arrows lead to the files before and after, and Escape back, unless something that has the focus uses these keys. */
function usePageKeys({ back, neighbours }) {
  // At once with what is shown: a key that comes before the next frame must not lead to the neighbours of another file.
  useLayoutEffect(() => {
    const key = (event) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return
      if (event.target.closest?.('input, textarea, select, dialog, video, audio, [role=tablist], [role=slider], [role=tree], .menu, .frame, .scroller')) return
      if (event.key === 'ArrowLeft' && neighbours.before) navigate(`/files/${neighbours.before}`)
      else if (event.key === 'ArrowRight' && neighbours.after) navigate(`/files/${neighbours.after}`)
      else if (event.key === 'Escape' && !document.querySelector('dialog[open]')) location.hash = back
    }
    addEventListener('keydown', key)
    return () => removeEventListener('keydown', key)
  }, [back, neighbours.before, neighbours.after])
}
