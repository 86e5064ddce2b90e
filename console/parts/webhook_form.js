import { html, useState } from '../vendor/preact.js'
import { api } from '../lib/api.js'
import { KINDS } from '../lib/format.js'
import { described, useSubmit } from '../lib/use_submit.js'
import { Field, ProblemNote } from './basics.js'
import { Dialog } from './dialog.js'
import { FormEnd, texts } from './manage.js'

export const TYPES = [
  ['filemill.file.created', 'Created'],
  ['filemill.file.processing', 'Processing'],
  ['filemill.file.ready', 'Ready'],
  ['filemill.file.failed', 'Failed'],
  ['filemill.file.expired', 'Expired'],
  ['filemill.file.updated', 'Updated'],
  ['filemill.file.deleted', 'Deleted'],
  ['filemill.file.restored', 'Restored'],
]

const FIELDS = ['url', 'types', 'kinds', 'tags', 'filename_prefix']

/** Makes a webhook, or changes `known`. `onDone(webhook)` gets the API's answer. */
export function WebhookForm({ known = null, onDone, onClose }) {
  const [url, setUrl] = useState(known?.url ?? '')
  const [types, setTypes] = useState(() => new Set(known?.types ?? []))
  const [kinds, setKinds] = useState(() => new Set(known?.kinds ?? []))
  const [tags, setTags] = useState((known?.tags ?? []).join(', '))
  const [prefix, setPrefix] = useState(known?.filename_prefix ?? '')
  const { submit, busy, rest, errorOf } = useSubmit(FIELDS, async () => {
    if (!url.trim()) throw { field: 'url', detail: 'Say the address that events are sent to.' }
    const body = { url: url.trim(), types: [...types], kinds: [...kinds], tags: texts(tags), filename_prefix: prefix || null }
    if (!known) {
      onDone(await api.post('/v1/webhooks', body))
      return
    }
    if (body.url === known.url) delete body.url // it would be looked up again
    onDone(await api.patch(`/v1/webhooks/${known.id}`, body))
  })
  const error = Object.fromEntries(FIELDS.map((name) => [name, errorOf(name)]))
  return html`<${Dialog} title=${known ? 'Change the webhook' : 'New webhook'} onClose=${onClose} wide=${true}>
    <${ProblemNote} problem=${rest} />
    <form onSubmit=${submit} novalidate>
      <${Field} id="hook-url" label="Address" error=${error.url} hint="Your server, by https. It gets each event as a signed POST.">
        <input type="url" ...${described('hook-url', { hint: true, error: error.url })} class="code" maxlength="2048" autocomplete="off" spellcheck="false" autofocus placeholder="https://example.com/hooks/filemill" value=${url} onInput=${(event) => setUrl(event.target.value)} />
      <//>
      <${Choices} legend="Events of files" hint="Without a choice, all of them are sent." error=${error.types} all=${TYPES} chosen=${types} onChange=${setTypes} />
      <${Choices} legend="Kinds of files" hint="Without a choice, all kinds." error=${error.kinds} all=${Object.entries(KINDS)} chosen=${kinds} onChange=${setKinds} />
      <div class="two">
        <${Field} id="hook-tags" label="Tags (if wished)" error=${error.tags} hint="Between commas. A file must have all of them.">
          <input ...${described('hook-tags', { hint: true, error: error.tags })} autocomplete="off" value=${tags} onInput=${(event) => setTags(event.target.value)} />
        <//>
        <${Field} id="hook-prefix" label="The name begins with (if wished)" error=${error.filename_prefix}>
          <input ...${described('hook-prefix', { error: error.filename_prefix })} maxlength="255" autocomplete="off" value=${prefix} onInput=${(event) => setPrefix(event.target.value)} />
        <//>
      </div>
      <${FormEnd} busy=${busy} action=${known ? 'Save' : 'Make the webhook'} onCancel=${onClose} />
    </form>
  <//>`
}

/** Several of `all`, which are pairs of a value and its text. */
export function Choices({ legend, hint, error = null, all, chosen, onChange }) {
  const name = legend.toLowerCase().replaceAll(' ', '-')
  const choose = (value, on) => onChange(new Set(on ? [...chosen, value] : [...chosen].filter((each) => each !== value)))
  return html`<fieldset class="field" aria-describedby=${`${name}-hint`}>
    <legend>${legend}</legend>
    <div class="choices">
      ${all.map(([value, text]) => html`<label class="choice" key=${value}>
        <input type="checkbox" checked=${chosen.has(value)} aria-invalid=${error ? 'true' : undefined} onChange=${(event) => choose(value, event.target.checked)} /> <span>${text}</span>
      </label>`)}
    </div>
    <p class="hint" id=${`${name}-hint`}>${hint}</p>
    ${error && html`<p class="error" role="alert">${error}</p>`}
  </fieldset>`
}

const NAMES = Object.fromEntries(TYPES)

/** An event's type in a word: `filemill.file.ready` is "Ready". */
export const typeName = (type) => NAMES[type] ?? { 'filemill.webhook.test': 'Test', 'filemill.webhook.disabled': 'Webhook disabled' }[type] ?? type

/** A sentence that names the events of a webhook. */
export function Filters({ webhook }) {
  const parts = [
    webhook.types.length ? webhook.types.map(typeName).join(', ') : 'All events',
    webhook.kinds.length ? webhook.kinds.map((kind) => KINDS[kind] ?? kind).join(', ') : 'all kinds',
  ]
  return html`${parts.join(' · ')}${webhook.tags.length > 0 && html` · tags ${webhook.tags.map((tag) => html`<span key=${tag} class="badge"><bdi>${tag}</bdi></span> `)}`}${webhook.filename_prefix && html` · names that begin with <bdi>${webhook.filename_prefix}</bdi>`}`
}

export const State = ({ webhook }) => html`<span class=${`badge ${webhook.enabled ? 'ok' : 'danger'}`}>${webhook.enabled ? 'On' : 'Off'}</span>`
