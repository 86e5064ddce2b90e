import { html, useState } from '../vendor/preact.js'
import { api } from '../lib/api.js'
import { plural } from '../lib/format.js'
import { pool } from '../lib/pool.js'
import { CopyButton, Field, ProblemNote } from './basics.js'
import { Dialog } from './dialog.js'

const TERMS = [
  [3600, 'An hour'],
  [86_400, 'A day'],
  [604_800, '7 days'],
  [2_592_000, '30 days'],
]
const SHORTEST = 4

/** Makes a link to a page about each of the files. `files` have `id` and `filename`. `onClose(made)`. */
export function ShareDialog({ files, onClose }) {
  const [term, setTerm] = useState(604_800)
  const [password, setPassword] = useState('')
  const [download, setDownload] = useState(true)
  const [busy, setBusy] = useState(false)
  const [links, setLinks] = useState(null)
  const [problem, setProblem] = useState(null)
  const short = password && [...password].length < SHORTEST ? `A password has at least ${SHORTEST} characters.` : null

  async function make(event) {
    event.preventDefault()
    if (short) return
    setBusy(true)
    setProblem(null)
    const body = { expires_in: term, download, ...(password && { password }) }
    const made = []
    const { failed } = await pool(files, async (file) => {
      const share = await api.post(`/v1/files/${file.id}/shares`, body)
      made.push({ file, url: share.url })
    })
    setBusy(false)
    if (failed.length) setProblem(failed[0].error)
    if (made.length) setLinks(files.map((file) => made.find((each) => each.file === file)).filter(Boolean))
  }

  const title = files.length === 1 ? `Share “\u2068${files[0].filename}\u2069”` : `Share ${plural(files.length, 'file')}`
  const close = () => onClose(Boolean(links))
  if (links) {
    return html`<${Dialog} title=${title} onClose=${close}>
      <p>${links.length === 1 ? 'The link is ready.' : `${links.length} links are ready.`} It is shown only now. Whoever has it sees the file${password ? ' with the password' : ''}.</p>
      <${ProblemNote} problem=${problem} />
      <ul class="links">
        ${links.map(
          ({ file, url }) => html`<li key=${file.id}>
            ${links.length > 1 && html`<bdi class="hint">${file.filename}</bdi>`}
            <div class="command"><code>${url}</code><${CopyButton} text=${url} /></div>
          </li>`,
        )}
      </ul>
      <footer>
        ${links.length > 1 && html`<${CopyButton} label="Copy all" text=${links.map(({ url }) => url).join('\n')} />`}
        <button type="button" class="button primary" autofocus onClick=${close}>Done</button>
      </footer>
    <//>`
  }
  return html`<${Dialog} title=${title} onClose=${close}>
    <p class="hint">A link leads to a page with a preview. Nobody needs a key to see it.</p>
    <${ProblemNote} problem=${problem} />
    <form onSubmit=${make}>
      <${Field} id="share-term" label="The link ends after">
        <select id="share-term" value=${term} onChange=${(event) => setTerm(Number(event.target.value))}>
          ${TERMS.map(([seconds, text]) => html`<option key=${seconds} value=${seconds} selected=${seconds === term}>${text}</option>`)}
        </select>
      <//>
      <${Field} id="share-password" label="Password (if wished)" error=${short}>
        <input id="share-password" autocomplete="off" maxlength="128" value=${password} onInput=${(event) => setPassword(event.target.value)} />
      <//>
      <label class="choice"><input type="checkbox" checked=${download} onChange=${(event) => setDownload(event.target.checked)} /> The original can be downloaded</label>
      <footer>
        <button type="button" class="button" onClick=${close}>Cancel</button>
        <button class="button primary" disabled=${busy || Boolean(short)}>${busy ? 'Making…' : files.length === 1 ? 'Make the link' : 'Make the links'}</button>
      </footer>
    </form>
  <//>`
}
