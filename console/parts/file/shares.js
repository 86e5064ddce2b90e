import { html, useEffect, useState } from '../../vendor/preact.js'
import { api } from '../../lib/api.js'
import * as format from '../../lib/format.js'
import { confirm, CopyButton, Field, Icon, ProblemNote, Time, toast } from '../../lib/ui.js'

const HOUR = 3600
const ENDS = [
  [HOUR, '1 hour'],
  [24 * HOUR, '1 day'],
  [7 * 24 * HOUR, '7 days'],
  [30 * 24 * HOUR, '30 days'],
]
const SHORTEST_PASSWORD = 4

/** Links to a page about the file: make them, see how often they were opened, and revoke them. */
export function Shares({ file }) {
  const [links, setLinks] = useState(null)
  const [problem, setProblem] = useState(null)
  const [made, setMade] = useState(null)
  const path = `/v1/files/${file.id}/shares`
  async function load() {
    try {
      setLinks((await api.get(path)).items)
      setProblem(null)
    } catch (refused) {
      setProblem(refused)
    }
  }
  useEffect(() => {
    load()
  }, [])
  async function revoke(link) {
    const text = 'Whoever has the link sees nothing any more. This can’t be undone.'
    if (!(await confirm({ title: 'Revoke this link?', text, action: 'Revoke', danger: true }))) return
    try {
      await api.delete(`${path}/${link.id}`)
      if (made?.id === link.id) setMade(null)
      toast('The link is revoked')
      await load()
    } catch (refused) {
      setProblem(refused)
    }
  }
  return html`<div class="shares">
    ${made ? html`<${Made} link=${made} onAnother=${() => setMade(null)} />` : html`<${NewLink} path=${path} onMade=${(link) => (setMade(link), load())} />`}
    <h2>Links that work</h2>
    <${ProblemNote} problem=${problem} retry=${load} />
    ${!links && !problem && html`<p class="hint" role="status">Loading …</p>`}
    ${links?.length === 0 && html`<p class="hint">Nobody has a link to this file.</p>`}
    <ul class="share-list">
      ${(links ?? []).map(
        (link) => html`<li key=${link.id}>
          <div>
            <p>Until <${Time} value=${link.expires_at} full=${true} /></p>
            <p class="hint">${views(link)} · made <${Time} value=${link.created_at} />
              ${link.password && html`${' '}<span class="badge"><${Icon} name="lock" size="14" /> Password</span>`}
              ${!link.download && html`${' '}<span class="badge">Preview only</span>`}</p>
          </div>
          <button type="button" class="button" onClick=${() => revoke(link)} aria-label=${`Revoke the link made ${format.moment(link.created_at)}`}>Revoke</button>
        </li>`,
      )}
    </ul>
  </div>`
}

const views = (link) =>
  link.max_views ? `${format.count(link.views)} of ${format.plural(link.max_views, 'view')}` : format.plural(link.views, 'view')

function NewLink({ path, onMade }) {
  const [form, setForm] = useState({ expires: 7 * 24 * HOUR, password: '', views: '', download: true })
  const [wrong, setWrong] = useState(null)
  const [problem, setProblem] = useState(null)
  const [busy, setBusy] = useState(false)
  const set = (part) => (setForm({ ...form, ...part }), setWrong(null))
  async function make(event) {
    event.preventDefault()
    setProblem(null)
    if (form.password && form.password.length < SHORTEST_PASSWORD) {
      setWrong({ field: 'password', message: `At least ${SHORTEST_PASSWORD} characters.` })
      return
    }
    if (form.views && !/^[1-9][0-9]{0,6}$/.test(form.views)) {
      setWrong({ field: 'max_views', message: 'A number from 1 to 1,000,000.' })
      return
    }
    const body = { expires_in: form.expires, download: form.download }
    if (form.password) body.password = form.password
    if (form.views) body.max_views = Number(form.views)
    setBusy(true)
    try {
      onMade(await api.post(path, body))
    } catch (refused) {
      if (['password', 'max_views'].includes(refused.field)) setWrong({ field: refused.field, message: refused.detail })
      else setProblem(refused)
      setBusy(false)
    }
  }
  const errorOf = (field) => (wrong?.field === field ? wrong.message : null)
  return html`<form class="new-share" onSubmit=${make} novalidate>
    <p class="hint">A link shows this file to people without an account.</p>
    <${Field} id="share-end" label="Ends after">
      <select id="share-end" value=${form.expires} onChange=${(event) => set({ expires: Number(event.target.value) })}>
        ${ENDS.map(([seconds, text]) => html`<option key=${seconds} value=${seconds} selected=${seconds === form.expires}>${text}</option>`)}
      </select>
    <//>
    <div class="pair">
      <${Field} id="share-password" label="Password" hint="Optional" error=${errorOf('password')}>
        <input id="share-password" type="text" autocomplete="off" maxlength="128" value=${form.password} onInput=${(event) => set({ password: event.target.value })} />
      <//>
      <${Field} id="share-views" label="Most views" hint="Optional" error=${errorOf('max_views')}>
        <input id="share-views" type="text" inputmode="numeric" maxlength="7" value=${form.views} onInput=${(event) => set({ views: event.target.value.trim() })} />
      <//>
    </div>
    <label class="choice"><input type="checkbox" checked=${form.download} onChange=${() => set({ download: !form.download })} /><span>Allow the download</span></label>
    <${ProblemNote} problem=${problem} />
    <button type="submit" class="button primary" disabled=${busy}><${Icon} name="link" size="18" /> ${busy ? 'Making …' : 'Make a link'}</button>
  </form>`
}

function Made({ link, onAnother }) {
  return html`<div class="note made" role="status">
    <${Icon} name="check" />
    <div>
      <p><strong>The link is ready.</strong> It is shown only now, so copy it.</p>
      <input class="code" type="text" readonly aria-label="The link" value=${link.url} onFocus=${(event) => event.target.select()} />
      <div class="note-actions">
        <${CopyButton} text=${link.url} label="Copy the link" />
        <a class="button" href=${link.url} target="_blank" rel="noopener noreferrer">Open it</a>
        <button type="button" class="button quiet" onClick=${onAnother}>Make another</button>
      </div>
    </div>
  </div>`
}
