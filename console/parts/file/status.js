import { html } from '../../vendor/preact.js'
import { session } from '../../lib/session.js'
import { Icon, Progress, Time } from '../../lib/ui.js'
import { adviceOf, todoOf } from './advice.js'

/** In the place of a viewer, for a file that has nothing to show yet, or never will. */
export function Waiting({ record }) {
  if (record.status === 'processing') {
    return html`<div class="stage bare" role="status">
      <span class="pulse"><${Icon} name=${record.kind ?? 'refresh'} size="48" /></span>
      <h2>Processing …</h2>
      <${Progress} value=${null} label="Processing" />
      <p class="hint">The file is being looked at. This page changes by itself when it is done.</p>
    </div>`
  }
  if (record.status === 'awaiting_upload') {
    return html`<div class="stage bare" role="status">
      <${Icon} name="upload" size="48" />
      <h2>Waiting for the upload</h2>
      <p class="hint">The bytes have not come yet. ${record.expires_at && html`The upload ends <${Time} value=${record.expires_at} full=${true} />.`}</p>
    </div>`
  }
  return html`<div class="stage bare">
    <${Icon} name="clock" size="48" />
    <h2>The upload has expired</h2>
    <p class="hint">The bytes did not come in time. Upload the file again; this record goes away by itself.</p>
  </div>`
}

/** Why a file failed, and what helps. */
export function Failed({ file, onReprocess }) {
  const { record } = file
  const advice = adviceOf(record.error)
  return html`<div class="stage bare broken">
    <${Icon} name="alert" size="48" />
    <h2>${advice.title}</h2>
    <p><bdi>${record.error.message}</bdi></p>
    <p class="hint">${advice.todo}</p>
    <div class="row">
      ${advice.retry && session.writes && html`<button type="button" class="button primary" onClick=${onReprocess}><${Icon} name="refresh" size="18" /> Process again</button>`}
      <code class="hint">${record.error.code}</code>
    </div>
  </div>`
}

/** A file that is ready, with an error of a later try, and with its warnings. */
export function Warnings({ record }) {
  const error = record.status === 'ready' ? record.error : null
  const warnings = record.warnings ?? []
  if (!error && !warnings.length) return null
  return html`<div class="warnings">
    ${error &&
    html`<div class="note danger"><${Icon} name="alert" /><div>
      <p><strong>It could not be processed again; the earlier renditions stay.</strong></p>
      <p><bdi>${error.message}</bdi></p><p class="hint">${adviceOf(error).todo}</p>
    </div></div>`}
    ${warnings.map(
      (warning, index) => html`<div key=${index} class="note warn"><${Icon} name="info" /><div>
        <p><bdi>${warning.message}</bdi></p>
        ${todoOf(warning) && html`<p class="hint">${todoOf(warning)}</p>`}
      </div></div>`,
    )}
  </div>`
}
