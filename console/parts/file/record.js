import { useCallback, useEffect, useRef, useState } from '../../vendor/preact.js'
import { api } from '../../lib/api.js'
import { lifetime } from './addresses.js'
import { useChanges } from './changes.js'

const WAIT = 20 // seconds for which the API may keep an answer back
const LONGEST_TIMER = 2 ** 31 - 1 // milliseconds: a browser's timers take no more
const SOONEST_RENEWAL = 20_000 // milliseconds between two renewals that a viewer asks for
const PAUSE_AFTER_PROBLEM = 5000 // milliseconds

const isMoving = (record) => record?.status === 'awaiting_upload' || record?.status === 'processing'

/**
 * A file's record with `delivery`, kept up to date: while it is processed, when others change it, and before its
 * signatures end. Gives {record, etag, problem, reload, put, renew}. `put({data, etag})` takes the answer to a change, which
 * has no `delivery`: the record is then asked for once more, and shows the addresses that it had. `reload()` and `renew()`
 * resolve to the record, or null if it can't be had; `renew()` is for a viewer whose address was refused, and asks only now
 * and then.
 */
export function useRecord(id) {
  const [state, setState] = useState({ record: null, etag: null, problem: null })
  const newest = useRef(0)
  const renewed = useRef({ at: 0, record: null })

  const take = useCallback((answer) => {
    // An answer that was on its way during a change must not take the change back.
    setState((old) => {
      if (old.record && answer.data.revision < old.record.revision) return old
      return { record: withDelivery(answer.data, old.record), etag: answer.etag, problem: null }
    })
  }, [])

  const load = useCallback(
    async (params = {}, signal = undefined) => {
      newest.current += 1
      const number = newest.current
      try {
        const asked = { params: { ...params, include: 'delivery' }, signal }
        const answer = await api.request('GET', `/v1/files/${encodeURIComponent(id)}`, asked)
        if (number === newest.current) take(answer)
        return answer.data
      } catch (problem) {
        if (problem.name === 'AbortError') return null
        if (number === newest.current) setState((old) => failed(old, problem))
        return null
      }
    },
    [id],
  )

  const put = useCallback(
    (answer) => {
      take(answer)
      load()
    },
    [take, load],
  )

  useEffect(() => {
    const stop = new AbortController()
    load({}, stop.signal)
    return () => stop.abort()
  }, [load])

  const renew = useCallback(() => {
    if (Date.now() - renewed.current.at >= SOONEST_RENEWAL) renewed.current = { at: Date.now(), record: load() }
    return renewed.current.record
  }, [load])

  const { record, problem } = state
  useEffect(() => {
    if (!isMoving(record)) return undefined
    const stop = new AbortController()
    waitForEnd(load, stop.signal)
    return () => stop.abort()
  }, [isMoving(record), load])

  useEffect(() => {
    const rest = lifetime(record)
    if (rest == null) return undefined
    // Where this computer's clock is fast, every signature seems to have ended: it is renewed only now and then.
    const pause = Math.max(rest, 1000, renewed.current.at + SOONEST_RENEWAL - Date.now())
    const timer = setTimeout(renew, Math.min(pause, LONGEST_TIMER))
    // A computer that slept lets no timer run.
    const awake = () => document.visibilityState === 'visible' && lifetime(record) === 0 && renew()
    document.addEventListener('visibilitychange', awake)
    return () => {
      clearTimeout(timer)
      document.removeEventListener('visibilitychange', awake)
    }
  }, [record?.delivery?.expires_at, renew])

  // The first load of the page comes by itself.
  useChanges(id, record?.revision ?? 0, () => newest.current > 0 && load())

  return { id, record, etag: state.etag, problem, reload: load, put, renew }
}

/** A record with its `delivery`, or with that of the record before if its renditions are where they were. */
function withDelivery(record, before) {
  if ('delivery' in record) return record
  const address = (one) => one?.renditions?.[0]?.url.split('?')[0]
  return { ...record, delivery: address(record) === address(before) ? (before?.delivery ?? null) : null }
}

/** A file that is gone shows so. Any other problem leaves what is there. */
function failed(old, problem) {
  const gone = problem.status === 404 || !old.record
  return gone ? { record: null, etag: null, problem } : { ...old, problem }
}

async function waitForEnd(load, signal) {
  while (!signal.aborted) {
    const heard = await load({ wait: WAIT, wait_for: 'change' }, signal)
    // The API answers at once if it has no room for one more request that waits.
    await new Promise((done) => setTimeout(done, heard ? 1000 : PAUSE_AFTER_PROBLEM))
  }
}
