import { thumbHashToDataURL } from '../vendor/thumbhash.js'

const MOST = 2000
const made = new Map()

/** The blurred picture of a ThumbHash (base64), as a `data:` address; null for a damaged one. Each is made once. */
export function placeholder(thumbhash) {
  if (!thumbhash) return null
  if (made.has(thumbhash)) return made.get(thumbhash)
  let address = null
  try {
    const bytes = Uint8Array.from(atob(thumbhash), (character) => character.charCodeAt(0))
    address = thumbHashToDataURL(bytes)
  } catch {
    // a tile has its colour, too
  }
  if (made.size >= MOST) made.delete(made.keys().next().value)
  made.set(thumbhash, address)
  return address
}
