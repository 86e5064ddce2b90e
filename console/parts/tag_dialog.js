import { html, useState } from '../vendor/preact.js'
import { changeTags } from '../lib/changes.js'
import { plural } from '../lib/format.js'
import { pool } from '../lib/pool.js'
import { Field } from './basics.js'
import { Dialog } from './dialog.js'
import { Icon } from './icon.js'
import { report } from './selection_bar.js'

const LONGEST = 64

/** Adds tags to files, and removes those that they have. */
export function TagDialog({ items, onClose }) {
  const counts = new Map()
  for (const tag of items.flatMap((item) => item.tags)) counts.set(tag, (counts.get(tag) ?? 0) + 1)
  const there = [...counts].toSorted(([, one], [, other]) => other - one)
  const [text, setText] = useState('')
  const [removed, setRemoved] = useState([])
  const [busy, setBusy] = useState(false)
  const add = [...new Set(text.split(',').map((each) => each.trim()).filter(Boolean))]
  const long = add.find((tag) => [...tag].length > LONGEST)
  const error = long ? `A tag has at most ${LONGEST} characters.` : null

  async function save(event) {
    event.preventDefault()
    if (error) return
    setBusy(true)
    const result = await pool(items, (item) => changeTags(item.id, { add, remove: removed }))
    onClose(true)
    report(result, add.length ? 'tagged' : 'changed')
  }

  return html`<${Dialog} title=${`Tags of ${items.length === 1 ? `“\u2068${items[0].filename}\u2069”` : plural(items.length, 'file')}`} onClose=${() => onClose(false)}>
    <form onSubmit=${save}>
      <${Field} id="tags" label="Add tags" hint="Several with commas between them" error=${error}>
        <input id="tags" autofocus autocomplete="off" aria-describedby="tags-hint" value=${text} onInput=${(event) => setText(event.target.value)} />
      <//>
      ${there.length > 0 &&
      html`<fieldset class="stack-small">
        <legend>Keep</legend>
        <div class="row scroll-small">
          ${there.map(([tag, count]) => {
            const kept = !removed.includes(tag)
            const toggle = () => setRemoved(kept ? [...removed, tag] : removed.filter((each) => each !== tag))
            return html`<label key=${tag} class=${`chip ${kept ? 'on' : ''}`}>
              <input type="checkbox" class="unseen" checked=${kept} onChange=${toggle} />
              <${Icon} name=${kept ? 'check' : 'close'} size="14" /> <bdi>${tag}</bdi> ${items.length > 1 && html`<span class="hint">${count}</span>`}
            </label>`
          })}
        </div>
      </fieldset>`}
      <footer>
        <button type="button" class="button" onClick=${() => onClose(false)}>Cancel</button>
        <button class="button primary" disabled=${busy || Boolean(error) || !(add.length || removed.length)}>${busy ? 'Saving…' : 'Save'}</button>
      </footer>
    </form>
  <//>`
}
