import { useEffect, useState } from '../vendor/preact.js'
import { thumbHashToDataURL } from '../vendor/thumbhash.js'

const MOST = 2000
const made = new Map()
const wanted = new Map()
let working = false

/** The blurred picture of a ThumbHash (base64), as a `data:` address; null for a damaged one. Each is made once. */
function make(thumbhash) {
  let address = null
  try {
    address = thumbHashToDataURL(Uint8Array.from(atob(thumbhash), (character) => character.charCodeAt(0)))
  } catch {
    // a tile has its colour, too
  }
  if (made.size >= MOST) made.delete(made.keys().next().value)
  made.set(thumbhash, address)
  return address
}

// One takes about a millisecond, so a page of them is made bit by bit, between what the reader does.
const soon = globalThis.requestIdleCallback ?? ((work) => setTimeout(() => work({ timeRemaining: () => 5 }), 1))

function work(deadline) {
  do {
    const [next] = wanted
    if (!next) {
      working = false
      return
    }
    const [thumbhash, tell] = next
    wanted.delete(thumbhash)
    const address = make(thumbhash)
    for (const each of tell) each(address)
  } while (deadline.timeRemaining() > 2)
  soon(work)
}

/** The address of a ThumbHash's picture, or null until it is made. Nothing is made while `needed` is false. */
export function usePlaceholder(thumbhash, needed) {
  const [, setAddress] = useState(null)
  useEffect(() => {
    if (!thumbhash || !needed || made.has(thumbhash)) return undefined
    const tell = wanted.get(thumbhash) ?? new Set()
    wanted.set(thumbhash, tell.add(setAddress))
    if (!working) {
      working = true
      soon(work)
    }
    return () => {
      tell.delete(setAddress)
      if (!tell.size) wanted.delete(thumbhash)
    }
  }, [thumbhash, needed])
  return made.get(thumbhash) ?? null
}
