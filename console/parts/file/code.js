import { html, useState } from '../../vendor/preact.js'
import { CopyButton } from '../../lib/ui.js'
import { snippets } from './snippets.js'
import { Tabs } from './tabs.js'

const SHOWN = 6000 // characters; all of them are copied

/** Code that shows or gets this file, to copy. */
export function Code({ file }) {
  const all = snippets(file.record, location.origin)
  const [chosen, setChosen] = useState(all[0].id)
  const snippet = all.find((each) => each.id === chosen) ?? all[0]
  const cut = snippet.code.length > SHOWN
  return html`<${Tabs} label="Language" tabs=${all} chosen=${snippet.id} onChoose=${setChosen} panel="code" className="languages">
    <div class="snippet">
      <div class="snippet-head"><p class="hint">${snippet.note}</p><${CopyButton} text=${snippet.code} label="Copy" /></div>
      <pre class="code-block" dir="ltr" tabindex="0" aria-label=${`Code: ${snippet.label}`}>${cut ? `${snippet.code.slice(0, SHOWN)} …` : snippet.code}</pre>
    </div>
  <//>`
}
