import { html, useEffect, useState } from '../../vendor/preact.js'
import { api } from '../../lib/api.js'
import { ProblemNote, Time } from '../../lib/ui.js'

const TYPES = {
  created: 'Created',
  processing: 'Processing began',
  ready: 'Ready',
  failed: 'Failed',
  expired: 'The upload expired',
  updated: 'Changed',
  deleted: 'Deleted',
  restored: 'Restored',
}

const FIELDS = {
  filename: 'name',
  legal_hold: 'legal hold',
  expires_after: 'retention',
  delete_at: 'retention',
  delivery: 'addresses',
  sha256: 'hash',
}

const PEOPLE = { key: 'Key', token: 'Upload token', user: 'User', system: 'Filemill', ops: 'Operator' }

/** An event of the history in words: "Changed: name, tags". */
export function sentence(event) {
  const type = event.type.split('.').at(-1)
  const fields = [...new Set((event.fields ?? []).map((field) => FIELDS[field] ?? field.replaceAll('_', ' ')))]
  const title = TYPES[type] ?? type
  return type === 'updated' && fields.length ? `${title}: ${fields.join(', ')}` : title
}

// The audit learns of a change a moment after the record: the seconds to wait before the history is read again.
const LATER = [1, 2, 4, 8, 15]

/** The changes of the file and who made them, the newest first. */
export function History({ file }) {
  const [state, setState] = useState({ items: null, cursor: null, problem: null, busy: false })
  const [asked, setAsked] = useState({ revision: null, times: 0 })
  const revision = file.record.revision
  async function load(cursor) {
    setState((old) => ({ ...old, busy: true, problem: null }))
    try {
      const page = await api.get(`/v1/files/${file.id}/history`, { limit: 20, cursor })
      setState((old) => ({ items: [...(cursor ? (old.items ?? []) : []), ...page.items], cursor: page.next_cursor, problem: null, busy: false }))
    } catch (problem) {
      setState((old) => ({ ...old, problem, busy: false }))
    }
  }
  useEffect(() => {
    setAsked({ revision, times: 0 })
    load(null)
  }, [revision])
  const newest = state.items?.[0]?.revision ?? 0
  useEffect(() => {
    if (!state.items || state.busy || state.problem || newest >= revision || asked.revision !== revision) return
    if (asked.times >= LATER.length) return
    const timer = setTimeout(() => {
      setAsked({ revision, times: asked.times + 1 })
      load(null)
    }, LATER[asked.times] * 1000)
    return () => clearTimeout(timer)
  }, [state, revision, asked])
  return html`<div class="history">
    <${ProblemNote} problem=${state.problem} retry=${() => load(state.cursor)} />
    ${!state.items && !state.problem && html`<p class="hint" role="status">Loading …</p>`}
    <ol class="timeline">
      ${(state.items ?? []).map(
        (event) => html`<li key=${event.id}>
          <p><bdi>${sentence(event)}</bdi></p>
          <p class="hint"><${Time} value=${event.at} /> · ${PEOPLE[event.actor?.type] ?? event.actor?.type}${' '}<code>${event.actor?.id}</code> · revision ${event.revision}</p>
        </li>`,
      )}
    </ol>
    ${state.items?.length === 0 && html`<p class="hint">There is no history.</p>`}
    ${state.cursor && html`<button type="button" class="button" disabled=${state.busy} onClick=${() => load(state.cursor)}>Show earlier changes</button>`}
  </div>`
}
