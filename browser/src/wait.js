// Waiting for the end of processing.

import { FilemillError } from './errors.js'
import { jitter, sleep } from './timing.js'

/**
 * The record, once it is ready; `told(status, record)` is called at each status. At most two requests of all uploads
 * wait at the API. While a follower hears of all files, its events stand in for them. `include` is asked for with the
 * record; the answer to a create does not have it.
 */
export async function untilReady(core, record, credential, signal, told, include) {
  const { id } = record
  for (let status; ; ) {
    if (record.status !== status) told((status = record.status), record)
    if (status === 'ready') {
      return include && !('delivery' in record) ? (await ask(core, id, credential, signal, include)).data : record
    }
    if (status === 'failed' || status === 'expired') {
      const { code, message } = record.error ?? { code: 'upload_expired', message: 'The bytes of this file did not come.' }
      throw new FilemillError(code, message, { record })
    }
    let changed
    const heard = new Promise((resolve) => core.waiting.set(id, (changed = resolve)))
    const pause = (ms) => sleep(ms, signal, (wake) => heard.then(wake))
    try {
      if (core.live) await pause(20_000)
      const { data, again } = await ask(core, id, credential, signal, include)
      record = data
      if (again && record.status === status && !core.live) await pause(jitter(again * 2000))
    } finally {
      if (core.waiting.get(id) === changed) core.waiting.delete(id)
    }
  }
}

/** The record when its status has changed, or after a while; and seconds after which to ask again. */
async function ask(core, id, credential, signal, include) {
  const leave = await core.waits.enter()
  try {
    const query = { include, ...(!core.live && { wait: core.waits.waiting.length ? 1 : 20, wait_for: 'change' }) }
    const { data, headers } = await core.ask('GET', `/v1/files/${id}`, { query, signal, credential })
    return { data, again: Number(headers.get('Retry-After')) }
  } finally {
    leave()
  }
}
