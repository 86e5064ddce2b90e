import { html, useState } from '../vendor/preact.js'
import { api } from '../lib/api.js'
import { session } from '../lib/session.js'
import { described, sentenceOf, useSubmit } from '../lib/use_submit.js'
import { Field, ProblemNote } from './basics.js'
import { Dialog } from './dialog.js'
import { FormEnd, localMoment, moment, words } from './manage.js'

export const SCOPES = [
  ['files:read', 'See, search and download all files'],
  ['files:write', 'Upload, change, share and delete files'],
  ['files:own', 'Only files that the key itself makes'],
  ['events:read', 'Hear of changes as they happen'],
  ['webhooks:admin', 'Manage webhooks'],
  ['keys:admin', 'Manage keys, read the audit, hold files'],
]

const DAY = 86_400_000
const ENDS = [
  ['', 'Never'],
  ['30', 'In 30 days'],
  ['90', 'In 90 days'],
  ['365', 'In a year'],
  ['at', 'At a moment of your choice'],
]

/** May the caller give this scope? Nobody gives what they do not have; who may do everything with files may give less. */
function mayGive(scope) {
  return session.has(scope) || (scope === 'files:own' && session.has('files:read') && session.has('files:write'))
}

const FIELDS = ['name', 'scopes', 'expires_at', 'networks']

/** Makes a key, or changes `known`. `onDone(key)` gets the API's answer. */
export function KeyForm({ known = null, onDone, onClose }) {
  const [name, setName] = useState(known?.name ?? '')
  const [scopes, setScopes] = useState(() => new Set(known?.scopes ?? ['files:read', 'files:write'].filter(mayGive)))
  const [end, setEnd] = useState(known?.expires_at ? 'at' : '')
  const [at, setAt] = useState(localMoment(known?.expires_at))
  const [networks, setNetworks] = useState((known?.networks ?? []).join('\n'))

  function wanted() {
    if (end === 'at' && !at) throw { field: 'expires_at', detail: 'Choose a day and a time.' }
    const expires_at = end === 'at' ? (at === localMoment(known?.expires_at) ? (known?.expires_at ?? null) : moment(at)) : end ? new Date(Date.now() + Number(end) * DAY).toISOString() : null
    return { name: name.trim(), scopes: SCOPES.map(([scope]) => scope).filter((scope) => scopes.has(scope)), expires_at, networks: words(networks) }
  }

  const { submit, busy, rest, errorOf } = useSubmit(FIELDS, async () => {
    const body = wanted()
    if (!body.name) throw { field: 'name', detail: 'Give the key a name, so that you know it again.' }
    if (!body.scopes.length) throw { field: 'scopes', detail: 'Choose what the key may do.' }
    if (!known) {
      // Fields that are left out are as in the caller's own key, which may have an end and networks.
      if (!body.expires_at) delete body.expires_at
      if (!body.networks.length) delete body.networks
      onDone(await api.post('/v1/keys', body))
      return
    }
    const changed = Object.fromEntries(Object.entries(body).filter(([field, value]) => JSON.stringify(value) !== JSON.stringify(sorted(field, known[field]))))
    onDone(Object.keys(changed).length ? await api.patch(`/v1/keys/${known.id}`, changed) : known)
  })

  const choose = (scope, chosen) => setScopes((old) => new Set(chosen ? [...old, scope] : [...old].filter((each) => each !== scope)))
  const lacking = SCOPES.filter(([scope]) => !mayGive(scope)).map(([scope]) => scope)
  const onlyOwn = scopes.has('files:own') && (scopes.has('files:read') || scopes.has('files:write'))
  const error = { name: errorOf('name'), scopes: errorOf('scopes'), end: errorOf('expires_at'), networks: errorOf('networks') }
  return html`<${Dialog} title=${known ? 'Change the key' : 'New API key'} onClose=${onClose}>
    <${ProblemNote} problem=${rest} />
    <form onSubmit=${submit} novalidate>
      <${Field} id="key-name" label="Name" error=${error.name} hint="A note for people: where the key is used">
        <input ...${described('key-name', { hint: true, error: error.name })} maxlength="128" autocomplete="off" autofocus value=${name} onInput=${(event) => setName(event.target.value)} />
      <//>
      <fieldset class="field" aria-describedby=${[lacking.length && 'scopes-hint', error.scopes && 'scopes-error'].filter(Boolean).join(' ') || undefined}>
        <legend>The key may</legend>
        ${SCOPES.map(
          ([scope, text]) => html`<label class="choice" key=${scope}>
            <input
              type="checkbox"
              name=${scope}
              checked=${scopes.has(scope)}
              disabled=${!mayGive(scope) && !scopes.has(scope)}
              aria-invalid=${error.scopes ? 'true' : undefined}
              onChange=${(event) => choose(scope, event.target.checked)}
            />
            <span>${text} <code class="hint">${scope}</code></span>
          </label>`,
        )}
        ${lacking.length > 0 && html`<p class="hint" id="scopes-hint">Your own credential has no ${lacking.map((scope, index) => html`${index ? ', ' : ''}<code key=${scope}>${scope}</code>`)}, so it can’t give ${lacking.length > 1 ? 'them' : 'it'}.</p>`}
        ${onlyOwn && html`<p class="hint">“Only files that the key itself makes” counts only without the two rights above it.</p>`}
        ${error.scopes && html`<p class="error" id="scopes-error" role="alert">${error.scopes}</p>`}
      </fieldset>
      <${Field} id="key-end" label="The key ends" error=${end === 'at' ? null : error.end}>
        <select ...${described('key-end', { error: end !== 'at' && error.end })} value=${end} onChange=${(event) => setEnd(event.target.value)}>
          ${ENDS.map(([value, text]) => html`<option key=${value} value=${value} selected=${value === end}>${text}</option>`)}
        </select>
      <//>
      ${end === 'at' &&
      html`<${Field} id="key-at" label="Day and time" error=${error.end}>
        <input type="datetime-local" ...${described('key-at', { error: error.end })} value=${at} onInput=${(event) => setAt(event.target.value)} />
      <//>`}
      <${Field} id="key-networks" label="Networks (if wished)" error=${error.networks} hint="One on each line, such as 203.0.113.0/24. Without any, the key works from everywhere.">
        <textarea ...${described('key-networks', { hint: true, error: error.networks })} class="code" rows="2" spellcheck="false" value=${networks} onInput=${(event) => setNetworks(event.target.value)} />
      <//>
      <${FormEnd} busy=${busy} action=${known ? 'Save' : 'Make the key'} onCancel=${onClose} />
    </form>
  <//>`
}

const sorted = (field, value) => (field === 'scopes' ? SCOPES.map(([scope]) => scope).filter((scope) => value.includes(scope)) : value)

const OVERLAPS = [
  [86_400, 'A day'],
  [3600, 'An hour'],
  [604_800, '7 days'],
  [0, 'Not at all: it stops working at once'],
]

/** Asks for how long an earlier secret works, and has `path` give a new one. `onDone(answer)`. */
export function RotateForm({ path, title, text, onDone, onClose }) {
  const [overlap, setOverlap] = useState(86_400)
  const { submit, busy, problem } = useSubmit([], async () => onDone(await api.post(path, { overlap })))
  return html`<${Dialog} title=${title} onClose=${onClose}>
    <p>${text}</p>
    <form onSubmit=${submit} novalidate>
      <${Field} id="overlap" label="The present secret works on for" error=${problem && sentenceOf(problem)}>
        <select ...${described('overlap', { error: problem })} autofocus value=${overlap} onChange=${(event) => setOverlap(Number(event.target.value))}>
          ${OVERLAPS.map(([seconds, words]) => html`<option key=${seconds} value=${seconds} selected=${seconds === overlap}>${words}</option>`)}
        </select>
      <//>
      <${FormEnd} busy=${busy} action="Rotate" onCancel=${onClose} />
    </form>
  <//>`
}
