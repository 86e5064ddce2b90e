// One upload: its state, its progress, and pause, resume and cancel. The work itself is in begin, send and wait.

import { begin } from './begin.js'
import { FilemillError, cancelled, isTransient } from './errors.js'
import { fingerprint, memory } from './memory.js'
import { send } from './send.js'
import { backoff, offline, sleep } from './timing.js'
import { untilReady } from './wait.js'

const GONE = ['upload_expired', 'not_found', 'NoSuchUpload', 'form_expired'] // then the upload begins anew
const ENDED = ['sent', 'failed', 'cancelled']
const WINDOW = 10_000 // ms over which the rate is measured

export class Upload {
  #core
  #options
  #credential
  #name = null // under which the upload is remembered
  #saved = null // what is remembered of it
  #gate = null // resolves when the upload may go on; null when it has ended
  #leave = null
  #wake = null
  #breaker = new AbortController() // of what runs now
  #settle
  #ready = null
  #held = 0 // bytes that S3 has
  #flying = new Map() // part → bytes that were sent of it
  #samples = []
  #told = 0
  #moved = false // whether any byte has ever left

  constructor(core, file, options) {
    this.#core = core
    this.#options = options
    this.file = file
    this.state = 'queued'
    this.record = null
    this.error = null
    this.done = new Promise((resolve, reject) => (this.#settle = { resolve, reject }))
    this.done.catch(() => {}) // Whoever looks at `state` only need not catch it.
    this.#enter()
    const { signal } = options
    if (signal?.aborted) this.cancel()
    else signal?.addEventListener('abort', () => this.cancel(), { once: true })
    this.#run()
    if (options.onStatus) this.ready.catch(() => {})
  }

  get progress() {
    let sent = this.#held
    for (const loaded of this.#flying.values()) sent += loaded
    const total = this.file.size
    const [first, last] = [this.#samples[0], this.#samples.at(-1)]
    const seconds = first && this.state === 'sending' ? (last.at - first.at) / 1000 : 0
    const rate = seconds > 0 ? Math.max(0, (last.sent - first.sent) / seconds) : 0
    return { sent: Math.min(sent, total), total, rate, remaining: rate > 0 ? (total - sent) / rate : null }
  }

  get ready() {
    if (!this.#ready) {
      const told = (status, record) => {
        this.record = record
        this.#call('onStatus', status, record)
      }
      const { signal, include } = this.#options
      this.#ready = this.done.then((record) => untilReady(this.#core, record, this.#credential, signal, told, include))
      this.#ready.catch(() => {})
    }
    return this.#ready
  }

  pause() {
    if (!['queued', 'sending', 'waiting'].includes(this.state)) return
    this.#gate = new Promise((resolve) => (this.#wake = resolve))
    this.#stop('paused')
  }

  resume() {
    if (this.state !== 'paused') return
    const wake = this.#wake
    this.#enter()
    this.#gate.then(wake)
  }

  cancel() {
    if (ENDED.includes(this.state)) return
    this.#fail(cancelled())
    const { id } = this.#saved ?? {}
    memory.write(this.#name, null)
    if (id) this.#core.ask('DELETE', `/v1/files/${id}`, { credential: this.#credential, keepalive: true }).catch(() => {})
  }

  // --- its state

  #enter() {
    const gate = this.#core.uploads.enter().then((leave) => {
      if (this.#gate !== gate) return leave()
      this.#leave = leave
      this.#set('sending')
    })
    this.#gate = gate
    this.#set('queued')
  }

  #stop(state) {
    this.#breaker.abort()
    this.#breaker = new AbortController()
    this.#leave?.()
    this.#leave = null
    this.#flying.clear()
    this.#samples = []
    this.#set(state)
    this.#tell(true)
  }

  #fail(error) {
    if (ENDED.includes(this.state)) return
    memory.active.delete(this.#name)
    this.error = error
    this.#gate = null
    this.#stop(error.code === 'cancelled' ? 'cancelled' : 'failed')
    this.#settle.reject(error)
  }

  #set(state) {
    if (state === this.state) return
    this.state = state
    this.#call('onState', state, this.error)
  }

  /** Calls a function of the page. An error in it is the page's, and ends no upload. */
  #call(name, ...values) {
    try {
      this.#options[name]?.(...values)
    } catch (error) {
      reportError(error)
    }
  }

  #tell(now) {
    const time = performance.now()
    if (!now && time - this.#told < 100) return
    this.#told = time
    this.#samples = [...this.#samples.filter(({ at }) => time - at < WINDOW), { at: time, sent: this.progress.sent }]
    this.#call('onProgress', this.progress)
  }

  // --- its work

  async #run() {
    try {
      await this.#open()
      const record = await this.#deliver()
      if (ENDED.includes(this.state)) return
      this.record = record
      memory.write(this.#name, null)
      memory.active.delete(this.#name)
      this.#held = this.file.size
      this.#flying.clear()
      this.#leave?.()
      this.#tell(true)
      this.#set('sent')
      this.#settle.resolve(record)
    } catch (error) {
      this.#fail(error)
    }
  }

  async #deliver() {
    const { file } = this
    if (file.size === 0) throw new FilemillError('empty', 'The file is empty.')
    const name = await fingerprint(this.#core, file)
    if (name && !memory.active.has(name)) {
      this.#name = name
      memory.active.add(name)
      this.#saved = memory.read(name)
    }
    // An upload token may go on with its own uploads only, so it is remembered with them, for as long as it lives.
    this.#credential = this.#core.credential('upload', { file, keep: true, held: this.#saved?.token })
    const job = this.#job()
    for (let begun = 0; ; begun++) {
      try {
        const plan = await begin(job, this.#saved)
        return plan.upload ? await send(job, plan) : plan.record
      } catch (error) {
        if (!GONE.includes(error.code) || begun === 2) throw error
        job.save(null)
        this.#held = 0
      }
    }
  }

  /** The fields of the upload that the steps of the work need. */
  #job() {
    return {
      file: this.file,
      options: this.#options,
      credential: this.#credential,
      step: (act) => this.#step(act),
      /** A request to the API, as a step or within one (then with its `signal`). */
      ask: (method, path, options = {}) => {
        const all = { credential: this.#credential, again: true, ...options }
        const ask = (signal) => this.#core.ask(method, path, { retries: 0, signal, ...all })
        return all.signal ? ask(all.signal) : this.#step(ask)
      },
      created: (record) => (this.record = record),
      save: (saved) => memory.write(this.#name, (this.#saved = saved)),
      hasMoved: () => this.#moved,
      moved: (part, bytes) => {
        this.#flying.set(part, bytes)
        this.#moved ||= bytes > 0
        if (bytes > 0) this.#set('sending')
        this.#tell()
      },
      lost: (part) => this.#flying.delete(part),
      arrived: (part, bytes) => {
        this.#flying.delete(part)
        this.#held += bytes
      },
      holds: (bytes) => (this.#held = bytes),
    }
  }

  /** Waits while the upload is queued or paused. */
  async #open() {
    for (let gate; gate !== this.#gate; ) await (gate = this.#gate)
    if (!this.#gate) throw this.error
  }

  /** Does a step until it works. A pause stops it, and it is done anew after the pause. */
  async #step(act) {
    for (let failures = 0; ; ) {
      await this.#open()
      const { signal } = this.#breaker
      try {
        const value = await act(signal)
        if (this.state === 'waiting' && !signal.aborted) this.#set('sending')
        return value
      } catch (error) {
        if (signal.aborted) continue
        if ((!error.repeat && !isTransient(error)) || error.retryAfter > 300) throw error
        const lost = error.code === 'network'
        // Nothing that ever moved is more likely a wrong address or a refusal of CORS than a bad network.
        if (!(lost && offline()) && ++failures > (lost && this.#moved ? 30 : 8)) throw error
        this.#set('waiting')
        await sleep(backoff(failures, error.retryAfter), signal).catch(() => {})
      }
    }
  }
}
