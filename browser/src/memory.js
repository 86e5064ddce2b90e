// The facts that a page needs to go on with an upload after a reload.

import { bytes } from './bytes.js'

const REMEMBERED = 7 * 86_400_000 // ms; S3 keeps the parts of an upload for a week
const PREFIX = 'filemill:' // of what localStorage remembers

/** Uploads that were begun and have not ended, by fingerprint. Without localStorage nothing is remembered. */
export const memory = {
  active: new Set(),
  read(name) {
    try {
      const saved = JSON.parse(localStorage.getItem(PREFIX + name))
      return saved && Date.now() - saved.at < REMEMBERED ? saved : null
    } catch {
      return null
    }
  },
  write(name, saved) {
    if (!name) return
    try {
      for (const key of Object.keys(localStorage)) {
        if (key.startsWith(PREFIX) && !this.read(key.slice(PREFIX.length))) localStorage.removeItem(key)
      }
      if (saved) localStorage.setItem(PREFIX + name, JSON.stringify(saved))
      else localStorage.removeItem(PREFIX + name)
    } catch {
      // Full or forbidden: then the upload can't be resumed after a reload.
    }
  },
  /** Forgets all uploads to the front door `url`. */
  forget(url) {
    try {
      for (const key of Object.keys(localStorage)) if (key.startsWith(`${PREFIX}${url}|`)) localStorage.removeItem(key)
    } catch {
      // Forbidden: then there is nothing.
    }
  },
}

/** A name for these bytes: name, size and time of change, and a checksum of the beginning and the end. */
export async function fingerprint(core, file) {
  let one = 0x811c9dc5
  let two = 0x9747b28c
  for (const start of [0, Math.max(0, file.size - 32_768)]) {
    for (const byte of await bytes(file, start, start + 32_768)) {
      one = Math.imul(one ^ byte, 0x01000193)
      two = Math.imul(two ^ byte, 0x5bd1e995)
    }
  }
  if (!file.lastModified) return null // a Blob that the page has made: after a reload it is another one
  const facts = [core.url, file.webkitRelativePath || file.name, file.size, file.lastModified]
  return [...facts, (one >>> 0).toString(36) + (two >>> 0).toString(36)].join('|')
}

