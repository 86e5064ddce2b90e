import { announce } from '../parts/basics.js'
import { pathOf } from './dropped.js'
import { filemill } from './filemill.js'
import { plural } from './format.js'
import { listen } from './live.js'
import { folderIn } from './records.js'
import { session } from './session.js'
import { kept } from './storage.js'
import { createStore } from './store.js'

const TOGETHER = 3
const DRAW_EVERY = 200 // milliseconds
const REMEMBERED = 200
const A_WEEK = 7 * 86_400_000 // milliseconds; filemill.js forgets an upload after it, too

/**
 * Uploads of this tab, the first one first. Each has `key`, `name`, `folder` (or null), `size`, `state`, `progress`, `error`, `id` (of the
 * file, once it has one) and `whose`: the name of who added it.
 *
 * `state`: waiting, sending, paused, sent (the bytes are there), ready; failed, cancelled. `sending` has `stalled` true
 * while it waits to try again.
 */
let uploads = []
let made = 0
let drawing = null

/** Grows with each change of what `list()` gives. */
export const version = createStore(0)

/** The options of new files. */
export const defaults = createStore({ visibility: 'private' })

export const list = () => uploads.filter((each) => each.whose === session.name)

function changed() {
  drawing ??= setTimeout(() => {
    drawing = null
    version.set((count) => count + 1)
  }, DRAW_EVERY)
}

const print = (file) => [pathOf(file) ?? file.name, file.size, file.lastModified].join('|')

/** Adds files to the queue: `File`s of the browser. */
export function add(files) {
  for (const file of files) {
    made += 1
    const path = pathOf(file)
    // An upload token may say no more than the file.
    const metadata = path && session.me?.type !== 'token' ? { path } : undefined
    const options = { ...defaults.get(), metadata }
    const upload = { key: made, file, name: file.name, folder: folderIn(path), size: file.size, options, whose: session.name }
    uploads.push(Object.assign(upload, { state: 'waiting', progress: null, error: null, id: null, transfer: null }))
    forgetInterrupted(print(file))
  }
  if (files.length) announce(`${plural(files.length, 'file')} added to the uploads`)
  changed()
  pump()
}

function pump() {
  if (!session.me) return
  let active = list().filter((each) => each.state === 'sending').length
  for (const upload of list()) {
    if (active >= TOGETHER) break
    if (upload.state !== 'waiting') continue
    start(upload)
    active += 1
  }
}

function start(upload) {
  upload.state = 'sending'
  upload.error = null
  remember(upload)
  const transfer = filemill.upload(upload.file, {
    ...upload.options,
    onProgress(progress) {
      upload.progress = progress
      changed()
    },
    onState(state) {
      upload.stalled = state === 'waiting'
      changed()
    },
  })
  upload.transfer = transfer
  transfer.done.then(
    (record) => sent(upload, record, transfer),
    (error) => upload.transfer === transfer && stopped(upload, error),
  )
  changed()
}

function sent(upload, record, transfer) {
  upload.id = record.id
  upload.progress = null
  upload.file = null // its memory is not needed any more
  upload.transfer = null
  forget(upload)
  settle(upload, record)
  // Its end may have been told before the id was known, or not at all where nothing is live.
  transfer.ready.then(
    (final) => (settle(upload, final), changed()),
    (error) => error.record && (settle(upload, error.record), changed()),
  )
  changed()
  pump()
  finished()
}

function settle(upload, record) {
  if (record.status === 'failed') {
    upload.state = 'failed'
    upload.error = record.error?.message ?? 'The file could not be processed.'
    upload.final = true
    announce(`${upload.name}: ${upload.error}`)
  } else upload.state = record.status === 'ready' ? 'ready' : 'sent'
}

function stopped(upload, error) {
  upload.transfer = null
  if (error.status === 401) {
    // The key has ended, the upload has not: it goes on after the next sign-in.
    Object.assign(upload, { state: 'paused', halted: true })
    session.refused(error)
  } else if (error.code === 'cancelled') upload.state = 'cancelled'
  else {
    upload.state = 'failed'
    upload.error = error.detail ?? error.message
    upload.final = error.code === 'empty' || error.status === 422 || error.status === 413
    announce(`${upload.name}: ${upload.error}`)
  }
  if (upload.state !== 'paused') forget(upload)
  changed()
  pump()
  finished()
}

function finished() {
  const all = list()
  if (all.some((each) => each.state === 'waiting' || each.state === 'sending' || each.state === 'paused')) return
  const done = all.filter((each) => each.state === 'sent' || each.state === 'ready').length
  if (done) announce(`${plural(done, 'file')} uploaded`)
}

export function pause(upload) {
  if (upload.state === 'waiting') upload.state = 'paused'
  if (upload.state !== 'sending') return changed()
  upload.transfer?.pause()
  upload.state = 'paused'
  changed()
  pump()
}

export function resume(upload) {
  if (upload.state !== 'paused') return
  upload.halted = false
  if (!upload.transfer) {
    upload.state = 'waiting'
    changed()
    pump()
    return
  }
  upload.transfer.resume()
  upload.state = 'sending'
  changed()
}

export function cancel(upload) {
  upload.transfer?.cancel()
  upload.transfer = null
  if (!upload.id) upload.state = 'cancelled'
  forget(upload)
  uploads = uploads.filter((each) => each !== upload)
  changed()
  pump()
}

/** Sends a failed upload again: what has come stays. */
export function retry(upload) {
  if (upload.state !== 'failed' || !upload.file) return
  upload.state = 'waiting'
  upload.error = null
  changed()
  pump()
}

export const pauseAll = () => list().forEach(pause)
export const resumeAll = () => list().forEach(resume)
export const retryAll = () => list().filter((each) => !each.final).forEach(retry)

export function cancelAll() {
  for (const upload of list().filter((each) => ['waiting', 'sending', 'paused'].includes(each.state))) cancel(upload)
}

/** Takes what has ended out of the list. */
export function clear() {
  const ended = new Set(list().filter((each) => ['sent', 'ready', 'failed', 'cancelled'].includes(each.state)))
  uploads = uploads.filter((each) => !ended.has(each))
  changed()
}

/** Counts and bytes of all uploads of the list. `rate` in bytes a second, `remaining` in seconds or null. */
export function summary() {
  const sums = { files: 0, waiting: 0, sending: 0, paused: 0, sent: 0, ready: 0, failed: 0, cancelled: 0, bytes: 0, sentBytes: 0, rate: 0 }
  for (const upload of list()) {
    sums.files += 1
    sums[upload.state] += 1
    if (upload.state === 'failed' || upload.state === 'cancelled') continue
    sums.bytes += upload.size
    const whole = upload.state === 'sent' || upload.state === 'ready'
    sums.sentBytes += whole ? upload.size : (upload.progress?.sent ?? 0)
    if (upload.state === 'sending') sums.rate += upload.progress?.rate ?? 0
  }
  sums.open = sums.waiting + sums.sending + sums.paused
  sums.remaining = sums.rate > 0 ? (sums.bytes - sums.sentBytes) / sums.rate : null
  return sums
}

// Changes tell how processing goes on.
listen({
  onChange({ id, record }) {
    const upload = uploads.find((each) => each.id === id)
    if (!upload || !record || upload.state === 'failed') return
    settle(upload, record)
    changed()
  },
})

session.state.subscribe(({ me }) => {
  if (!me) {
    for (const upload of uploads) {
      if (upload.state !== 'sending' && upload.state !== 'waiting') continue
      upload.transfer?.pause()
      Object.assign(upload, { state: 'paused', halted: true })
    }
  } else for (const upload of list()) if (upload.halted) resume(upload)
  changed()
})

addEventListener('beforeunload', (event) => {
  if (uploads.some((each) => each.state === 'sending' || each.state === 'waiting')) event.preventDefault()
})

// Uploads that a reload interrupted. The browser gives a page no file that it did not choose itself, so the names are kept, and
// choosing the same file again goes on where it stopped.
const read = () => (kept.get('interrupted') ?? []).filter((each) => Date.now() - each.at < A_WEEK)
const own = new Set()

export const interrupted = createStore(read())

/** Those of whoever is signed in. A former release kept the tenant only. */
export const isOwn = ({ whose, tenant }) => (whose ?? `${tenant} key`) === session.name

function remember(upload) {
  const { file, name, size, whose } = upload
  own.add(print(file))
  const others = read().filter((each) => each.print !== print(file))
  kept.set('interrupted', [...others, { print: print(file), name, size, whose, at: Date.now() }].slice(-REMEMBERED))
}

function forget(upload) {
  if (upload.file) forgetPrint(print(upload.file))
}

function forgetPrint(wanted) {
  own.delete(wanted)
  kept.set('interrupted', read().filter((each) => each.print !== wanted))
}

function forgetInterrupted(wanted) {
  if (interrupted.get().some((each) => each.print === wanted)) {
    interrupted.set((all) => all.filter((each) => each.print !== wanted))
  }
}

/** Forgets all that was interrupted. */
export function forgetAllInterrupted() {
  kept.set('interrupted', read().filter((each) => own.has(each.print)))
  interrupted.set([])
}
