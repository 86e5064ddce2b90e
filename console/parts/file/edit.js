import { html, useRef, useState } from '../../vendor/preact.js'
import { api } from '../../lib/api.js'
import { announce, Field, Icon, ProblemNote, toast } from '../../lib/ui.js'
import { changesOf, differences, draftOf, same } from './draft.js'
import { MetadataRows } from './metadata_rows.js'
import { TagInput } from './tag_input.js'

/** The form that changes a file. It saves on top of the record that it began with, so nobody's change is lost. */
export function Edit({ file, onDone }) {
  const [base, setBase] = useState({ record: file.record, etag: file.etag })
  const [draft, setDraft] = useState(() => draftOf(file.record))
  const [wrong, setWrong] = useState(null)
  const [problem, setProblem] = useState(null)
  const [theirs, setTheirs] = useState(null)
  const [busy, setBusy] = useState(false)
  const form = useRef()
  const set = (part) => setDraft({ ...draft, ...part })

  async function save(onTopOf) {
    setWrong(null)
    setProblem(null)
    let body
    try {
      body = changesOf(base.record, draft)
    } catch (error) {
      setWrong(error)
      form.current.elements[error.field]?.focus()
      return
    }
    if (!Object.keys(body).length) {
      onDone()
      return
    }
    setBusy(true)
    try {
      file.put(await api.request('PATCH', `/v1/files/${file.id}`, { body, ifMatch: onTopOf.etag }))
      toast('Saved')
      onDone()
    } catch (refused) {
      if (refused.status === 412) await conflict()
      else if (refused.field) setWrong({ field: refused.field.split('.')[0], message: refused.detail })
      else setProblem(refused)
      setBusy(false)
    }
  }

  async function conflict() {
    try {
      const newest = await api.request('GET', `/v1/files/${file.id}`)
      file.put(newest)
      setTheirs({ record: newest.data, etag: newest.etag })
      announce('This file was changed by somebody else.')
    } catch (refused) {
      setProblem(refused)
    }
  }
  const takeTheirs = () => {
    setBase(theirs)
    setDraft(draftOf(theirs.record))
    setTheirs(null)
  }
  // Escape closes the form only while there is nothing to lose.
  const escape = (event) => {
    if (event.key !== 'Escape') return
    event.stopPropagation()
    if (same(draft, draftOf(base.record))) onDone()
  }
  const processing = file.record.status === 'processing'
  const errorOf = (field) => (wrong?.field === field ? wrong.message : null)
  return html`<form class="edit" ref=${form} onSubmit=${(event) => (event.preventDefault(), save(base))} onKeyDown=${escape} novalidate>
    ${theirs && html`<${Conflict} base=${base.record} theirs=${theirs.record} busy=${busy} onMine=${() => save(theirs)} onTheirs=${takeTheirs} />`}
    <${Field} id="edit-name" label="Name" error=${errorOf('filename')}>
      <input id="edit-name" name="filename" type="text" dir="auto" maxlength="255" autofocus value=${draft.filename} onInput=${(event) => set({ filename: event.target.value })} />
    <//>
    <${Field} id="edit-tags" label="Tags" hint="Enter or a comma adds a tag; at most 20." error=${errorOf('tags')}>
      <${TagInput} id="edit-tags" tags=${draft.tags} onChange=${(tags) => set({ tags })} describedBy="edit-tags-hint" />
    <//>
    <fieldset class="file-choices" disabled=${processing}>
      <legend>Who can see it</legend>
      <label class="choice"><input type="radio" name="visibility" value="private" checked=${draft.visibility === 'private'} onChange=${() => set({ visibility: 'private' })} />
        <span><strong>Private</strong><span class="hint">Addresses are signed and end.</span></span></label>
      <label class="choice"><input type="radio" name="visibility" value="public" checked=${draft.visibility === 'public'} onChange=${() => set({ visibility: 'public' })} />
        <span><strong>Public</strong><span class="hint">Anyone who knows an address can see it.</span></span></label>
      ${processing && html`<p class="hint">It can be changed when processing is done.</p>`}
    </fieldset>
    <${Field} id="edit-expires" label="Delete by itself on" hint="Leave it empty to keep the file." error=${errorOf('expires_after')}>
      <input id="edit-expires" name="expires_after" type="datetime-local" disabled=${processing} value=${draft.expires} onInput=${(event) => set({ expires: event.target.value })} />
    <//>
    <${MetadataRows} rows=${draft.metadata} onChange=${(metadata) => set({ metadata })} />
    ${errorOf('metadata') && html`<p class="error" role="alert">${wrong.message}</p>`}
    <${ProblemNote} problem=${problem} />
    ${wrong && !['filename', 'tags', 'expires_after', 'metadata'].includes(wrong.field) && html`<p class="error" role="alert">${wrong.message}</p>`}
    <div class="form-end">
      <button type="button" class="button" onClick=${onDone}>Cancel</button>
      <button type="submit" class="button primary" disabled=${busy || Boolean(theirs)}>${busy ? 'Saving …' : 'Save'}</button>
    </div>
  </form>`
}

function Conflict({ base, theirs, busy, onMine, onTheirs }) {
  const changed = differences(base, theirs)
  return html`<div class="note warn conflict" role="alert">
    <${Icon} name="alert" />
    <div>
      <p><strong>Somebody changed this file while you edited it.</strong></p>
      <p>${changed.length ? `Changed: ${changed.join(', ')}.` : 'Nothing that this form shows has changed.'} Nothing of yours is lost, and nothing was saved yet.</p>
      <div class="note-actions">
        <button type="button" class="button" disabled=${busy} onClick=${onMine}>Save my changes on top</button>
        <button type="button" class="button" disabled=${busy} onClick=${onTheirs}>Discard mine</button>
      </div>
    </div>
  </div>`
}
