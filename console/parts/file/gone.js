import { html, useEffect, useState } from '../../vendor/preact.js'
import { api } from '../../lib/api.js'
import { session } from '../../lib/session.js'
import { Empty, ProblemNote, Time, toast } from '../../lib/ui.js'

const TRIES = 8
const PAUSE = 2000 // milliseconds

const isDeletion = (event) => event.type === 'filemill.file.deleted'

/** Was this file deleted? The history outlives it, for those who may see it. */
async function lastEvent(id) {
  try {
    const { items } = await api.get(`/v1/files/${encodeURIComponent(id)}/history`, { limit: 1 })
    return items[0] ?? null
  } catch {
    return null
  }
}

/** In place of a file that can't be shown: deleted, missing, or out of reach. */
export function Gone({ file, back }) {
  const { problem, id } = file
  const [event, setEvent] = useState(null)
  const [refused, setRefused] = useState(null)
  const [busy, setBusy] = useState(false)
  const missing = problem.status === 404
  useEffect(() => {
    if (!missing) return undefined
    let [timer, left] = [null, TRIES]
    const look = async () => {
      const event = await lastEvent(id)
      if (timer === undefined) return
      setEvent(event)
      left -= 1
      // The history follows a change by a moment.
      if (event && !isDeletion(event) && left) timer = setTimeout(look, PAUSE)
    }
    look()
    return () => {
      clearTimeout(timer)
      timer = undefined
    }
  }, [id, missing])
  async function restore() {
    setBusy(true)
    setRefused(null)
    try {
      await api.post(`/v1/files/${encodeURIComponent(id)}/restore`)
      toast('The file is back')
      await file.reload()
    } catch (problem) {
      const gone = problem.status === 404
      setRefused(gone ? { ...problem, detail: 'It can’t be brought back: the time for that is over, or this stage keeps no deleted files.' } : problem)
    }
    setBusy(false)
  }
  if (!missing) {
    return html`<div class="page"><h1 class="unseen">File</h1><${ProblemNote} problem=${problem} retry=${() => file.reload()} /><p><a class="button" href=${back}>Back to the files</a></p></div>`
  }
  const deleted = event && isDeletion(event)
  return html`<h1 class="unseen">File</h1>
    <${Empty} icon=${deleted ? 'trash' : 'search'} title=${deleted ? 'This file was deleted' : 'There is no such file'}>
    ${deleted
      ? html`<p><${Time} value=${event.at} full=${true} />, by ${event.actor?.type} <code>${event.actor?.id}</code></p>`
      : html`<p>It may have been deleted, or the address may be mistyped. <code>${id}</code></p>`}
    <${ProblemNote} problem=${refused} />
    <div class="row">
      ${deleted && session.writes && html`<button type="button" class="button" disabled=${busy} onClick=${restore}>Restore it</button>`}
      <a class="button primary" href=${back}>Back to the files</a>
    </div>
  <//>`
}
