// Addresses of a private file carry a signature that ends, also while a computer sleeps. Whatever was refused is asked for
// again at a new address.
import { useEffect, useRef, useState } from '../../vendor/preact.js'
import { toast } from '../../lib/ui.js'
import { lifetime } from './addresses.js'

/** The answer at the address that `pick(record)` gives; with a new signature if the one that is known was refused. */
export async function fetchFresh(file, pick, options) {
  const answer = await fetch(pick(file.record), options)
  if (answer.status !== 403) return answer
  const record = await file.renew()
  const address = record && pick(record)
  return address ? fetch(address, options) : answer
}

/**
 * Tries of an element that loads `address` by itself: {failed, busy, tries, onError, onLoad, again}. Key the element by
 * `tries`. The record is fetched anew when it fails, and before it is tried again. Each address is tried twice by itself: a
 * rendition that was made for the first request, and was too slow or too large for its answer, is there for the second.
 */
export function useTries(file, address) {
  const [state, setState] = useState({ failed: false, busy: false, tries: 0 })
  const repeated = useRef(null)
  const again = () => setState((old) => ({ failed: false, busy: false, tries: old.tries + 1 }))
  const change = (part) => setState((old) => ({ ...old, ...part }))
  useEffect(() => change({ failed: false }), [address])
  return {
    ...state,
    async onError() {
      if (repeated.current === address) {
        change({ failed: true })
        file.renew()
        return
      }
      repeated.current = address
      await file.renew()
      again()
    },
    onLoad: () => change({ failed: false }),
    async again() {
      change({ busy: true })
      await file.reload()
      again()
    },
  }
}

/** Attributes of a link to the address that `pick(record)` gives. A signature that has ended is renewed by the click. */
export function freshLink(file, pick) {
  return {
    href: pick(file.record),
    async onClick(event) {
      event.stopPropagation()
      if (lifetime(file.record) !== 0) return
      event.preventDefault()
      const link = event.currentTarget.cloneNode()
      const record = await file.reload()
      if (record) {
        link.href = pick(record)
        link.click()
      } else toast('The address has ended, and no new one could be fetched. Try again.', { danger: true })
    },
  }
}
