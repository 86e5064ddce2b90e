import { html, useState } from '../vendor/preact.js'
import * as format from '../lib/format.js'
import { useStore } from '../lib/store.js'
import * as uploads from '../lib/uploads.js'
import { Progress } from './basics.js'
import { pick } from './drop.js'
import { Icon } from './icon.js'
import { Menu } from './menu.js'

const SHOWN = 40 // rows; more would only make the page slow
const narrow = matchMedia('(max-width: 720px)')
const FIRST = { sending: 0, paused: 1, failed: 2, waiting: 3, sent: 4, ready: 5, cancelled: 6 }

/** The uploads of this tab, in a corner of the page. */
export function Tray() {
  useStore(uploads.version)
  const interrupted = useStore(uploads.interrupted).filter(uploads.isOwn)
  const [chosen, choose] = useState(null)
  const all = uploads.list()
  if (!all.length && !interrupted.length) return null
  const sums = uploads.summary()
  // On a phone the list would hide the files, which somebody wants to see once they are sent.
  const settled = !sums.open && !sums.failed && !interrupted.length
  const open = chosen ?? !(settled && narrow.matches)
  const rows = all.toSorted((one, other) => FIRST[one.state] - FIRST[other.state] || one.key - other.key).slice(0, SHOWN)
  return html`<section class=${`tray ${open ? 'open' : ''}`} aria-label="Uploads">
    <header>
      <button type="button" class="tray-title" aria-expanded=${open ? 'true' : 'false'} onClick=${() => choose(!open)}>
        <strong>${title(sums, interrupted)}</strong>
        <span class="hint">${detail(sums)}</span>
        <${Icon} name="chevron" size="18" />
      </button>
      <${Actions} sums=${sums} />
      ${sums.open > 0 && html`<${Progress} value=${sums.bytes ? sums.sentBytes / sums.bytes : null} label="All uploads" />`}
    </header>
    ${open &&
    html`<div class="tray-body" tabindex="0" role="group" aria-label="List of uploads">
      ${interrupted.length > 0 && html`<${Interrupted} files=${interrupted} />`}
      <ul>
        ${rows.map((upload) => html`<${Row} key=${upload.key} upload=${upload} />`)}
      </ul>
      ${all.length > rows.length && html`<p class="hint tray-more">and ${format.count(all.length - rows.length)} more</p>`}
    </div>`}
  </section>`
}

function title(sums, interrupted) {
  if (!sums.files) return `${format.plural(interrupted.length, 'upload')} interrupted`
  const sent = sums.sent + sums.ready
  if (sums.open) return `${sums.sending || sums.waiting ? 'Uploading' : 'Paused'}: ${format.count(sent)} of ${format.count(sums.files)}`
  if (sums.failed) return `${format.plural(sums.failed, 'upload')} failed`
  return `${format.plural(sent, 'file')} uploaded`
}

function detail(sums) {
  if (!sums.open) return sums.sent ? `${format.plural(sums.sent, 'file')} being processed` : ''
  const facts = [sums.rate > 0 && `${format.bytes(sums.rate)}/s`, sums.remaining && `${format.remaining(sums.remaining)} left`]
  if (sums.failed) facts.push(`${format.count(sums.failed)} failed`)
  return facts.filter(Boolean).join(' · ')
}

function Actions({ sums }) {
  const ended = sums.sent + sums.ready + sums.failed + sums.cancelled
  if (sums.open + ended === 0) return null
  return html`<${Menu} label="Actions for all uploads" button=${html`<${Icon} name="more" />`}>
    ${sums.sending + sums.waiting > 0 && html`<button type="button" class="menu-item" onClick=${uploads.pauseAll}><${Icon} name="pause" size="18" /> Pause all</button>`}
    ${sums.paused > 0 && html`<button type="button" class="menu-item" onClick=${uploads.resumeAll}><${Icon} name="play" size="18" /> Resume all</button>`}
    ${sums.failed > 0 && html`<button type="button" class="menu-item" onClick=${uploads.retryAll}><${Icon} name="refresh" size="18" /> Try the failed ones again</button>`}
    ${sums.open > 0 && html`<button type="button" class="menu-item" onClick=${uploads.cancelAll}><${Icon} name="close" size="18" /> Cancel all</button>`}
    ${ended > 0 && html`<button type="button" class="menu-item" onClick=${uploads.clear}><${Icon} name="check" size="18" /> Clear what has ended</button>`}
  <//>`
}

function Interrupted({ files }) {
  return html`<div class="note warn">
    <div class="stack-small">
      <p>
        ${files.length === 1 ? html`“<bdi>${files[0].name}</bdi>” was` : `${format.plural(files.length, 'file')} were`} not finished when the page was
        closed. Choose ${files.length === 1 ? 'the same file' : 'the same files'} again to go on.
      </p>
      <div class="row">
        <button type="button" class="button" onClick=${() => pick()}>Choose files</button>
        <button type="button" class="button quiet" onClick=${uploads.forgetAllInterrupted}>Forget</button>
      </div>
    </div>
  </div>`
}

function Row({ upload }) {
  const { name, folder, size, state, progress } = upload
  const part = progress && size ? progress.sent / size : 0
  const act = (icon, text, action) => html`<button type="button" class="icon-button" aria-label=${`${text}: ${name}`} title=${text} onClick=${() => action(upload)}>
    <${Icon} name=${icon} size="18" />
  </button>`
  return html`<li class=${`upload ${state}`}>
    <div class="upload-text">
      ${upload.id ? html`<a href=${`#/files/${upload.id}`}><bdi>${name}</bdi></a>` : html`<bdi title=${name}>${name}</bdi>`}
      ${folder && html`<bdi class="hint upload-folder" title=${folder}>${folder}</bdi>`}
      <span class=${state === 'failed' ? 'error' : 'hint'}>${stateText(upload)}</span>
      ${(state === 'sending' || (state === 'paused' && progress)) && html`<${Progress} value=${part} label=${`Upload of ${name}`} />`}
    </div>
    <div class="upload-actions">
      ${state === 'sending' && act('pause', 'Pause', uploads.pause)}
      ${state === 'paused' && act('play', 'Resume', uploads.resume)}
      ${state === 'failed' && upload.file && !upload.final && act('refresh', 'Try again', uploads.retry)}
      ${state === 'ready' && html`<span class="done"><${Icon} name="check" size="18" /></span>`}
      ${['waiting', 'sending', 'paused'].includes(state) && act('close', 'Cancel', uploads.cancel)}
      ${['failed', 'cancelled'].includes(state) && act('close', 'Remove', uploads.cancel)}
    </div>
  </li>`
}

function stateText({ state, size, progress, error, stalled, halted }) {
  const whole = format.bytes(size)
  if (state === 'waiting') return `Waiting · ${whole}`
  if (state === 'paused') return halted ? 'Paused until you sign in again' : `Paused · ${format.bytes(progress?.sent ?? 0)} of ${whole}`
  if (state === 'sent') return `Processing · ${whole}`
  if (state === 'ready') return `Ready · ${whole}`
  if (state === 'cancelled') return 'Cancelled'
  if (state === 'failed') return error
  if (stalled) return 'No connection; it is tried again'
  const facts = [`${format.bytes(progress?.sent ?? 0)} of ${whole}`]
  if (progress?.rate > 0) facts.push(`${format.bytes(progress.rate)}/s`)
  if (progress?.remaining > 1) facts.push(`${format.remaining(progress.remaining)} left`)
  return facts.join(' · ')
}
