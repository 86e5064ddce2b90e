import { html, useEffect, useState } from '../vendor/preact.js'
import * as format from '../lib/format.js'
import { createStore, useStore } from '../lib/store.js'
import { Icon } from './icon.js'

export const Bytes = ({ value }) => html`<span class="number">${format.bytes(value)}</span>`

/** "3 minutes ago"; the whole moment is in the title. `full` shows it. */
export function Time({ value, full = false }) {
  if (!value) return '–'
  return html`<time datetime=${value} title=${format.moment(value)}>${full ? format.moment(value) : format.ago(value)}</time>`
}

/** `value` is 0 to 1, or null while nobody knows. */
export function Progress({ value, label }) {
  const known = value != null
  const part = known ? Math.min(1, Math.max(0, value)) : 0
  return html`<div
    class=${`progress ${known ? '' : 'unknown'}`}
    role="progressbar"
    aria-label=${label}
    aria-valuemin="0"
    aria-valuemax="100"
    aria-valuenow=${known ? Math.floor(part * 100) : undefined}
  >
    <div style=${{ transform: known ? `scaleX(${part})` : undefined }} />
  </div>`
}

/** A button that puts `text` into the clipboard and says so. */
export function CopyButton({ text, label = 'Copy' }) {
  const [said, setSaid] = useState('')
  useEffect(() => {
    if (!said) return undefined
    const timer = setTimeout(() => setSaid(''), 2000)
    return () => clearTimeout(timer)
  }, [said])
  async function copy() {
    try {
      await navigator.clipboard.writeText(text)
      setSaid('Copied')
      announce('Copied')
    } catch {
      setSaid('Select it and copy it by hand')
    }
  }
  return html`<button type="button" class="button" onClick=${copy}>
    <${Icon} name=${said === 'Copied' ? 'check' : 'copy'} size="16" /> ${said || label}
  </button>`
}

/** A label with its control, a hint and an error. Children are the control; give it the same `id` as the field's. */
export function Field({ id, label, hint = null, error = null, children }) {
  return html`<div class=${`field ${error ? 'wrong' : ''}`}>
    <label for=${id}>${label}</label>
    ${children} ${hint && html`<p class="hint" id=${`${id}-hint`}>${hint}</p>`}
    ${error && html`<p class="error" id=${`${id}-error`} role="alert">${error}</p>`}
  </div>`
}

/** A place where nothing is yet: what it would be, and what to do. */
export function Empty({ icon = 'files', title, children }) {
  return html`<div class="empty">
    <div class="empty-icon"><${Icon} name=${icon} size="32" /></div>
    <h2>${title}</h2>
    ${children}
  </div>`
}

/** A problem's sentence, for a person, with the request's id for those who run the stage. */
export function ProblemNote({ problem, retry = null }) {
  if (!problem) return null
  return html`<div class="note danger" role="alert">
    <${Icon} name="alert" />
    <div>
      <p>${problem.detail || problem.message}</p>
      ${problem.requestId && html`<p class="hint">Request <code>${problem.requestId}</code></p>`}
    </div>
    ${retry && html`<button type="button" class="button" onClick=${retry}>Try again</button>`}
  </div>`
}

const spoken = createStore('')

/** Says a sentence to screen readers only. */
export function announce(text) {
  // The same sentence twice is no change, and would not be said.
  spoken.set((old) => (old === text ? `${text}\u00a0` : text))
}

export const Announcer = () => html`<p class="unseen" role="status" aria-live="polite">${useStore(spoken)}</p>`
