import { html } from '../vendor/preact.js'
import { download, setVisibility } from '../lib/changes.js'
import { plural } from '../lib/format.js'
import { pool } from '../lib/pool.js'
import { session } from '../lib/session.js'
import { useStore } from '../lib/store.js'
import { confirm, show } from './dialog.js'
import { Icon } from './icon.js'
import { Menu } from './menu.js'
import { ShareDialog } from './share_dialog.js'
import { TagDialog } from './tag_dialog.js'
import { announce } from './basics.js'
import { toast } from './toasts.js'

const MANY_DOWNLOADS = 10
const BETWEEN_DOWNLOADS = 400 // milliseconds; browsers drop downloads that begin at the same moment

/** Says how a change of several files went. `one` and `many` are such as "1 file is public". */
export function report({ done, failed }, verb) {
  if (failed.length) {
    const [{ error }] = failed
    toast(`${plural(failed.length, 'file')} could not be changed. ${error.detail ?? error.message}`, { danger: true })
  } else toast(`${plural(done.length, 'file')} ${verb}`)
}

/** The actions on the chosen files. The bar takes the place of the filters while files are chosen. */
export function SelectionBar({ listing, selection, onDelete }) {
  useStore(listing.state)
  const { ids } = useStore(selection.state)
  const items = listing.items.filter((item) => ids.has(item.id))
  const publics = items.filter((item) => item.visibility === 'public').length

  async function visibility(value) {
    const wanted = items.filter((item) => item.visibility !== value)
    if (value === 'public' && wanted.length > 1) {
      const question = 'Anybody who knows the address of one of these files can then see it, without a key.'
      if (!(await confirm({ title: `Make ${plural(wanted.length, 'file')} public?`, text: question, action: 'Make public' }))) return
    }
    report(await pool(wanted, (item) => setVisibility(item.id, value)), value === 'public' ? 'public now' : 'private now')
  }

  async function save() {
    if (items.length > MANY_DOWNLOADS) {
      const text = 'The browser saves them one after the other, and may ask whether this page may save several files.'
      if (!(await confirm({ title: `Download ${plural(items.length, 'file')}?`, text, action: 'Download' }))) return
    }
    announce(`Downloading ${plural(items.length, 'file')}`)
    const paced = async (item) => {
      await download(item.id)
      await new Promise((resolve) => setTimeout(resolve, BETWEEN_DOWNLOADS))
    }
    const { failed } = await pool(items, paced, { together: 1 })
    if (failed.length) {
      const [{ item, error }] = failed
      const which = failed.length === 1 ? `“\u2068${item.filename}\u2069” was` : `${plural(failed.length, 'file')} were`
      toast(`${which} not downloaded. ${error.detail ?? error.message}`, { danger: true })
    }
  }

  const share = () => show((close) => html`<${ShareDialog} files=${items} onClose=${close} />`)
  const tag = () => show((close) => html`<${TagDialog} items=${items} onClose=${close} />`)

  return html`<div class="selection-bar" role="toolbar" aria-label="Chosen files">
    <button type="button" class="icon-button" aria-label="Choose none" onClick=${() => selection.clear()}><${Icon} name="close" /></button>
    <strong class="number" aria-live="polite">${ids.size ? `${ids.size} chosen` : 'Choose files'}</strong>
    <span class="spacer" />
    ${items.length > 0 &&
    html`
      ${session.writes &&
      html`<${Action} icon="tag" text="Tag" onClick=${tag} />
        <${Menu} label="Visibility" className="button quiet" button=${html`<${Icon} name=${publics ? 'globe' : 'lock'} size="18" /> <span class="wide-only">Visibility</span>`}>
          <button type="button" class="menu-item" disabled=${publics === items.length} onClick=${() => visibility('public')}><${Icon} name="globe" size="18" /> Make public</button>
          <button type="button" class="menu-item" disabled=${publics === 0} onClick=${() => visibility('private')}><${Icon} name="lock" size="18" /> Make private</button>
        <//>`}
      ${session.reads && html`<${Action} icon="download" text="Download" onClick=${save} />`}
      ${session.writes && session.reads && html`<${Action} icon="share" text="Share" onClick=${share} />`}
      ${session.writes && html`<${Action} icon="trash" text="Delete" onClick=${() => onDelete(items)} />`}
    `}
  </div>`
}

const Action = ({ icon, text, onClick }) => html`<button type="button" class="button quiet" title=${text} aria-label=${text} onClick=${onClick}>
  <${Icon} name=${icon} size="18" /> <span class="wide-only">${text}</span>
</button>`
