import { html, useState } from '../../vendor/preact.js'
import { api } from '../../lib/api.js'
import { confirm, Field, Icon, ProblemNote, toast } from '../../lib/ui.js'

const LARGEST = 1_000_000 // bytes of UTF-8

/** Captions of a film or a sound: one text for each language. */
export function Captions({ file, writes }) {
  const { record } = file
  const all = record.captions ?? []
  const [problem, setProblem] = useState(null)
  async function remove(caption) {
    const text = 'Viewers don’t get these captions any more. Keep a copy of your own if it is dear to you.'
    if (!(await confirm({ title: `Remove the captions “${caption.label ?? caption.language}”?`, text, action: 'Remove', danger: true }))) return
    try {
      file.put(await api.request('DELETE', `/v1/files/${file.id}/captions/${encodeURIComponent(caption.language)}`))
      toast('The captions are removed')
      setProblem(null)
    } catch (refused) {
      setProblem(refused)
    }
  }
  return html`<div class="captions">
    ${!all.length && html`<p class="hint">There are no captions.</p>`}
    <ul class="share-list">
      ${all.map(
        (caption) => html`<li key=${caption.language}>
          <div><p><bdi>${caption.label ?? caption.language}</bdi> ${caption.default && html`<span class="badge accent">shown at once</span>`}</p><p class="hint"><code>${caption.language}</code></p></div>
          ${writes && html`<button type="button" class="button" aria-label=${`Remove the captions ${caption.label ?? caption.language}`} onClick=${() => remove(caption)}>Remove</button>`}
        </li>`,
      )}
    </ul>
    <${ProblemNote} problem=${problem} />
    ${writes && html`<${NewCaptions} file=${file} />`}
  </div>`
}

function NewCaptions({ file }) {
  const empty = { language: '', label: '', first: false, text: null, name: '' }
  const [form, setForm] = useState(empty)
  const [wrong, setWrong] = useState(null)
  const [problem, setProblem] = useState(null)
  const [busy, setBusy] = useState(false)
  const set = (part) => setForm((old) => ({ ...old, ...part }))
  async function pick(event) {
    const picked = event.target.files[0]
    setWrong(null)
    if (!picked) return
    if (picked.size > LARGEST) {
      setWrong({ field: 'text', message: 'Captions have at most 1 MB.' })
      return
    }
    try {
      const text = await picked.text()
      set({ text, name: picked.name })
    } catch {
      setWrong({ field: 'text', message: 'The file can’t be read any more. Pick it again.' })
    }
  }
  async function add(event) {
    event.preventDefault()
    setProblem(null)
    if (form.text === null) return setWrong({ field: 'text', message: 'Pick a file: WebVTT (.vtt) or SubRip (.srt).' })
    if (!form.language.trim()) return setWrong({ field: 'language', message: 'Give the language, such as en or pt-BR.' })
    const body = { language: form.language.trim(), text: form.text, default: form.first }
    if (form.label.trim()) body.label = form.label.trim()
    setBusy(true)
    try {
      file.put(await api.request('POST', `/v1/files/${file.id}/captions`, { body }))
      toast('The captions are added')
      setForm(empty)
      setWrong(null)
      event.target.reset()
    } catch (refused) {
      if (['language', 'label', 'text'].includes(refused.field)) setWrong({ field: refused.field, message: refused.detail })
      else setProblem(refused)
    }
    setBusy(false)
    return undefined
  }
  const errorOf = (field) => (wrong?.field === field ? wrong.message : null)
  return html`<form class="new-captions" onSubmit=${add} novalidate>
    <h2>Add captions</h2>
    <${Field} id="captions-file" label="File" hint="WebVTT (.vtt) or SubRip (.srt)" error=${errorOf('text')}>
      <input id="captions-file" type="file" accept=".vtt,.srt,text/vtt" onChange=${pick} />
    <//>
    <div class="pair">
      <${Field} id="captions-language" label="Language" hint="en, pt-BR, zh-Hant …" error=${errorOf('language')}>
        <input id="captions-language" type="text" maxlength="35" autocomplete="off" value=${form.language} onInput=${(event) => set({ language: event.target.value })} />
      <//>
      <${Field} id="captions-label" label="Shown as" hint="Optional" error=${errorOf('label')}>
        <input id="captions-label" type="text" maxlength="100" dir="auto" value=${form.label} onInput=${(event) => set({ label: event.target.value })} />
      <//>
    </div>
    <label class="choice"><input type="checkbox" checked=${form.first} onChange=${() => set({ first: !form.first })} /><span>Show them at once</span></label>
    <${ProblemNote} problem=${problem} />
    <button type="submit" class="button primary" disabled=${busy}><${Icon} name="captions" size="18" /> ${busy ? 'Adding …' : 'Add captions'}</button>
  </form>`
}
