import { toast } from '../parts/toasts.js'
import { api } from './api.js'
import { pool } from './pool.js'
import { plural } from './format.js'
import { session } from './session.js'

const listeners = new Set()
const waiting = new Set()

/** Calls `hidden(ids)` for files that are being deleted, and `shown(items)` for those that are back. */
export function followDeletion(listener) {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

const named = (items) => (items.length === 1 ? `“\u2068${items[0].filename}\u2069”` : plural(items.length, 'file'))

/**
 * Deletes files (items with `id` and `filename`), and offers to undo it for some seconds.
 *
 * A stage with a delete window deletes at once, and gives the files back. Without one a delete is final, so it is sent
 * when the time to undo it is over, or when the page is left.
 */
export function deleteFiles(items) {
  if (!items.length) return
  for (const listener of listeners) listener.hidden(items.map((item) => item.id))
  if (session.me?.delete_window > 0) deleteNow(items)
  else deleteLater(items)
}

function back(items) {
  for (const listener of listeners) listener.shown(items)
}

// Signing out does not keep what was asked for before.
const remove = (credential, options) => (item) =>
  api.delete(`/v1/files/${item.id}`, { credential, ...options }).catch((problem) => {
    if (problem.status !== 404) throw problem
  })

function sayFailed(failed) {
  back(failed.map(({ item }) => item))
  const [{ item, error }] = failed
  const which = failed.length === 1 ? `“\u2068${item.filename}\u2069” was` : `${plural(failed.length, 'file')} were`
  toast(`${which} not deleted. ${error.detail ?? error.message}`, { danger: true })
}

function deleteNow(items) {
  const credential = session.credential
  const deleting = pool(items, remove(credential))
  deleting.then(({ failed }) => failed.length && sayFailed(failed))
  toast(`${named(items)} deleted`, {
    async undo() {
      const { done } = await deleting
      const restored = await pool(done, (item) => api.post(`/v1/files/${item.id}/restore`, {}, { credential }))
      back(restored.done)
      if (restored.failed.length) {
        toast(`${plural(restored.failed.length, 'file')} can’t be restored. ${restored.failed[0].error.detail}`, { danger: true })
      }
    },
  })
}

function deleteLater(items) {
  const credential = session.credential
  const send = async (options) => {
    if (!waiting.delete(send)) return
    const { failed } = await pool(items, remove(credential, options))
    if (failed.length) sayFailed(failed)
  }
  waiting.add(send)
  toast(`Deleting ${named(items)}`, {
    undo() {
      waiting.delete(send)
      back(items)
    },
    ended: (undone) => undone || send(),
  })
}

addEventListener('pagehide', () => {
  for (const send of [...waiting]) send({ keepalive: true })
})
