import { html, useEffect, useState } from '../vendor/preact.js'
import { filesOf, named } from '../lib/dropped.js'
import { plural } from '../lib/format.js'
import { useStore } from '../lib/store.js'
import { add, defaults } from '../lib/uploads.js'
import { Icon } from './icon.js'
import { Menu } from './menu.js'
import { toast } from './toasts.js'

/** Opens the browser's dialog for files, or for a folder, and uploads what is chosen. */
export function pick({ folder = false } = {}) {
  const input = document.createElement('input')
  input.type = 'file'
  input.multiple = true
  input.webkitdirectory = folder
  input.addEventListener('change', () => add([...input.files]))
  input.click()
}

async function take(transfer, rename = (files) => files) {
  const { files, tooMany } = await filesOf(transfer)
  if (tooMany) toast(`Only the first ${plural(files.length, 'file')} were taken: that is the most at once.`, { danger: true })
  add(rename(files))
}

const hasFiles = (event) => event.dataTransfer?.types.includes('Files')

/** Takes files that are dropped anywhere on the page, or pasted. */
export function DropZone() {
  const [over, setOver] = useState(false)
  useEffect(() => {
    // Children give `dragleave` when the pointer goes on to the next one, so entering and leaving are counted.
    let depth = 0
    const handlers = {
      dragenter(event) {
        if (!hasFiles(event)) return
        event.preventDefault()
        depth += 1
        setOver(true)
      },
      dragover(event) {
        if (!hasFiles(event)) return
        event.preventDefault()
        event.dataTransfer.dropEffect = 'copy'
      },
      dragleave(event) {
        if (!hasFiles(event)) return
        depth -= 1
        if (depth <= 0) setOver(false)
      },
      drop(event) {
        depth = 0
        setOver(false)
        if (!hasFiles(event)) return
        event.preventDefault()
        take(event.dataTransfer)
      },
      paste(event) {
        if (!event.clipboardData?.files.length) return
        event.preventDefault()
        take(event.clipboardData, named)
      },
    }
    for (const [name, handler] of Object.entries(handlers)) addEventListener(name, handler)
    return () => {
      for (const [name, handler] of Object.entries(handlers)) removeEventListener(name, handler)
    }
  }, [])
  if (!over) return null
  return html`<div class="drop-over"><div><${Icon} name="upload" size="40" /><strong>Drop to upload</strong></div></div>`
}

/** The button at the top: files, a folder, and who may see them. */
export function UploadButton() {
  const { visibility } = useStore(defaults)
  const set = (value) => defaults.set((old) => ({ ...old, visibility: value }))
  return html`<${Menu}
    label="Upload"
    className="button primary upload-button"
    button=${html`<${Icon} name="upload" size="18" /> <span class="wide-only">Upload</span>`}
  >
    <button type="button" class="menu-item" onClick=${() => pick()}><${Icon} name="document" size="18" /> Choose files</button>
    <button type="button" class="menu-item" onClick=${() => pick({ folder: true })}><${Icon} name="folder" size="18" /> Choose a folder</button>
    <fieldset class="menu-group last">
      <legend>New files are</legend>
      <div class="segments">
        ${[
          ['private', 'lock', 'Private', 'seen with a key or a link'],
          ['public', 'globe', 'Public', 'seen by all who know the address'],
        ].map(
          ([value, icon, text, hint]) => html`<label key=${value} class="segment">
            <input type="radio" name="visibility" value=${value} checked=${visibility === value} onChange=${() => set(value)} />
            <span><${Icon} name=${icon} size="16" /> <span>${text}<br /><small>${hint}</small></span></span>
          </label>`,
        )}
      </div>
    </fieldset>
  <//>`
}
