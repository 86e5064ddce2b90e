const MOST = 20_000
const LONGEST_PATH = 1024 // characters, as `filemill sync` keeps of a path
// The API refuses these characters in texts; and the separator of Windows.
const REFUSED = /[\p{Cc}\u2028\u2029\\]/gu

// A file that was dropped does not know its folder.
const paths = new WeakMap()

/** The path of a file that came in a folder, from the folder's name on, such as `photos/2026/a.jpg`; null for any other. */
export function pathOf(file) {
  const path = paths.get(file) || file.webkitRelativePath
  if (!path?.includes('/')) return null
  return path.replaceAll(REFUSED, '_').slice(-LONGEST_PATH).toWellFormed()
}

/**
 * The files of a drop or a paste, those inside folders included: `{files, tooMany}`. Call it in the event's own turn,
 * because the browser takes the items away after it.
 */
export async function filesOf(transfer) {
  const items = [...(transfer.items ?? [])].filter((item) => item.kind === 'file')
  const entries = items.map((item) => item.webkitGetAsEntry?.() ?? null)
  const plain = items.map((item, index) => (entries[index] ? null : item.getAsFile()))
  const found = items.length ? plain.filter(Boolean) : [...(transfer.files ?? [])]
  const folders = entries.filter(Boolean)
  while (folders.length && found.length < MOST) {
    const entry = folders.shift()
    try {
      if (entry.isFile) {
        const file = await new Promise((resolve, reject) => entry.file(resolve, reject))
        paths.set(file, entry.fullPath.replace(/^\//, ''))
        found.push(file)
      } else folders.push(...(await inside(entry)))
    } catch {
      // a file that vanished or may not be read, among others that may
    }
  }
  return { files: found.slice(0, MOST), tooMany: folders.length > 0 || found.length > MOST }
}

/** The entries of a folder; the browser gives them in pieces. */
async function inside(folder) {
  const reader = folder.createReader()
  const all = []
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject))
    if (!some.length) return all
    all.push(...some)
  }
}

/** Files of the clipboard, with names of their own: a copied picture is always called "image.png". */
export function named(files, now = new Date()) {
  const pad = (value) => String(value).padStart(2, '0')
  const time = `${now.getFullYear()}-${pad(now.getMonth() + 1)}-${pad(now.getDate())} ${pad(now.getHours())}.${pad(now.getMinutes())}.${pad(now.getSeconds())}`
  return files.map((file, index) => {
    const match = /^image(\.\w+)$/.exec(file.name)
    if (!match) return file
    const number = files.length > 1 ? ` (${index + 1})` : ''
    return new File([file], `Pasted ${time}${number}${match[1]}`, { type: file.type, lastModified: file.lastModified })
  })
}
