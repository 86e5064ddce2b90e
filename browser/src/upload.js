import { bytes, hex } from './bytes.js'
import { FilemillError, cancelled, isTransient } from './errors.js'
import { fingerprint, memory } from './memory.js'
import { backoff, jitter, offline, sleep } from './timing.js'
import { refusal, unreachable } from './transfer.js'

const STALLED = 60_000 // ms without a byte after which a transfer is begun anew
const ADDRESSES_LIVE = 50 * 60_000 // ms; they are signed for an hour
const GONE = ['upload_expired', 'not_found', 'NoSuchUpload', 'form_expired'] // then the upload begins anew

export class Upload {
  #core
  #options
  #credential
  #name = null
  #saved = null
  #gate = null
  #leave = null
  #wake = null
  #breaker = new AbortController()
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
      this.#ready = this.done.then((record) => this.#wait(record))
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

  /** Ends the upload. What S3 has of it is removed. */
  cancel() {
    if (['sent', 'failed', 'cancelled'].includes(this.state)) return
    this.#fail(cancelled())
    const { id } = this.#saved ?? {}
    memory.write(this.#name, null)
    if (id) this.#core.ask('DELETE', `/v1/files/${id}`, { credential: this.#credential }).catch(() => {})
  }

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
    if (['sent', 'failed', 'cancelled'].includes(this.state)) return
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
    this.#samples = [...this.#samples.filter(({ at }) => time - at < 10_000), { at: time, sent: this.progress.sent }]
    this.#call('onProgress', this.progress)
  }

  async #run() {
    try {
      await this.#open()
      const record = await this.#deliver()
      if (this.state === 'cancelled') return
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
        return await act(signal)
      } catch (error) {
        if (signal.aborted) continue
        if (!error.repeat && !isTransient(error)) throw error
        if (error.retryAfter > 300) throw error
        const lost = error.code === 'network'
        // Nothing that ever moved is more likely a wrong address or a refusal of CORS than a bad network.
        if (!(lost && offline()) && ++failures > (lost && this.#moved ? 30 : 8)) throw error
        this.#set('waiting')
        await sleep(backoff(failures, error.retryAfter), signal).catch(() => {})
        if (!signal.aborted) this.#set('sending')
      }
    }
  }

  #ask(method, path, options) {
    const credential = this.#credential
    return this.#step((signal) => this.#core.ask(method, path, { signal, credential, again: true, retries: 0, ...options }))
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
    for (let begun = 0; ; begun++) {
      try {
        const { record, upload, held } = await this.#begin()
        if (record) return record
        return await (upload.method === 'POST' ? this.#sendForm(upload) : this.#sendParts(upload, held))
      } catch (error) {
        if (!GONE.includes(error.code) || begun === 2) throw error
        memory.write(this.#name, null)
        this.#saved = null
        this.#held = 0
      }
    }
  }

  /** What the API is asked for. Options that the page did not give are left out: a token's files take none. */
  #wanted() {
    const { multipart, partSize, checksums, expiresAfter, contentType, filename, ...more } = this.#options
    const wanted = {
      filename: filename ?? (this.file.name || 'file'),
      content_type: contentType || this.file.type || 'application/octet-stream',
      size: this.file.size,
      upload: multipart === undefined ? undefined : multipart ? 'multipart' : 'post',
      part_size: partSize,
      part_checksums: checksums || undefined,
      expires_after: expiresAfter,
    }
    for (const field of ['visibility', 'recipe', 'tags', 'metadata', 'owner', 'sha256', 'focus']) wanted[field] = more[field]
    return JSON.parse(JSON.stringify(wanted))
  }

  /** Creates the file, or finds the one that was begun before: {record} if its bytes are there, else {upload, held}. */
  async #begin() {
    const wanted = this.#wanted()
    const body = JSON.stringify(wanted)
    const old = this.#saved?.body === body && this.#saved
    if (old && old.parts) {
      this.record = { id: old.id }
      try {
        const { data } = await this.#ask('GET', `/v1/files/${old.id}/parts`)
        return { upload: { method: 'MULTIPART', ...data, parts: [] }, held: data.parts }
      } catch (error) {
        if (error.code !== 'already_uploaded') throw error
        return { record: (await this.#ask('GET', `/v1/files/${old.id}`)).data }
      }
    }
    const recent = old && Date.now() - old.at < ADDRESSES_LIVE
    this.#saved = recent ? old : { key: hex(crypto.getRandomValues(new Uint8Array(16))), body, at: Date.now() }
    const headers = { 'Idempotency-Key': this.#saved.key }
    memory.write(this.#name, this.#saved)
    const { data } = await this.#ask('POST', '/v1/files', { body: wanted, headers })
    const { upload, ...record } = data
    this.record = record
    const token = await this.#credential()
    Object.assign(this.#saved, { id: data.id, parts: upload?.method === 'MULTIPART' })
    if (token?.startsWith('fmu_')) this.#saved.token = token
    memory.write(this.#name, this.#saved)
    return upload ? { upload, held: [] } : { record }
  }

  async #sendForm({ url, fields, headers }) {
    const form = new FormData()
    for (const [name, value] of Object.entries(fields)) form.append(name, value)
    form.append('file', this.file)
    await this.#step(async (signal) => {
      try {
        await this.#transmit('POST', url, form, headers, 0, 0, this.file.size, signal)
      } catch (error) {
        if (/expired/i.test(error.storage + error.detail)) error.code = 'form_expired'
        throw error
      }
    })
    return this.record
  }

  async #sendParts(upload, held) {
    const id = this.record.id
    const { part_size: size, part_count: count } = upload
    const etags = new Map()
    const addresses = new Map()
    const keep = (signed) => {
      for (const { part_number: number, url } of signed) addresses.set(number, { url, at: performance.now() })
    }
    const take = (parts) => {
      etags.clear()
      this.#held = 0
      for (const part of parts) {
        etags.set(part.part_number, part.etag)
        this.#held += part.size
      }
    }
    keep(upload.parts)
    take(held)
    for (let round = 0; ; round++) {
      const missing = Array.from({ length: count }, (_, index) => index + 1).filter((number) => !etags.has(number))
      const worker = async () => {
        for (let number; (number = missing.shift()); ) {
          etags.set(number, await this.#sendPart(id, number, size, addresses, missing, keep))
        }
      }
      await Promise.all(Array.from({ length: this.#options.parallel ?? 4 }, worker))
      // A bucket that does not expose ETags to pages: the API knows them, too.
      if ([...etags.values()].includes(null)) take((await this.#ask('GET', `/v1/files/${id}/parts`)).data.parts)
      const parts = [...etags].sort(([one], [two]) => one - two).map(([number, etag]) => ({ part_number: number, etag }))
      try {
        return (await this.#ask('POST', `/v1/files/${id}/complete`, { body: { parts } })).data
      } catch (error) {
        if (!['part_missing', 'etag_mismatch', 'part_too_small', 'size_mismatch'].includes(error.code) || round) throw error
        take((await this.#ask('GET', `/v1/files/${id}/parts`)).data.parts)
      }
    }
  }

  /** Sends one part, and gives its ETag. */
  async #sendPart(id, number, size, addresses, missing, keep) {
    const [start, end] = [(number - 1) * size, Math.min(number * size, this.file.size)]
    let refusals = 0
    return this.#step(async (signal) => {
      let headers, wanted
      let known = addresses.get(number)
      if (this.#options.checksums) {
        const sum = new Uint8Array(await crypto.subtle.digest('SHA-256', await bytes(this.file, start, end)))
        headers = { 'x-amz-checksum-sha256': btoa(String.fromCharCode(...sum)) }
        wanted = { parts: [{ part_number: number, sha256: hex(sum) }] }
        known = null
      }
      if (!known || performance.now() - known.at > ADDRESSES_LIVE) {
        wanted ??= { part_numbers: [number, ...missing.filter((other) => !addresses.has(other)).slice(0, 19)] }
        const asked = { body: wanted, signal, credential: this.#credential, again: true }
        keep((await this.#core.ask('POST', `/v1/files/${id}/parts`, asked)).data.parts)
      }
      try {
        const { url } = addresses.get(number)
        const sent = await this.#transmit('PUT', url, this.file.slice(start, end), headers, number, start, end, signal)
        this.#flying.delete(number)
        this.#held += end - start
        return sent.getResponseHeader('ETag')
      } catch (error) {
        addresses.delete(number)
        // The address has expired, or the credentials that signed it.
        error.repeat = (error.status === 403 || error.status === 400) && ++refusals < 4
        throw error
      }
    })
  }

  /** Sends bytes `start` to `end` of the file to S3. Only an XMLHttpRequest tells of its progress. */
  async #transmit(method, url, body, headers, key, start, end, signal) {
    const xhr = new XMLHttpRequest()
    const abort = () => xhr.abort()
    let timer
    const moved = (loaded) => {
      clearTimeout(timer)
      timer = setTimeout(abort, STALLED)
      if (signal.aborted) return
      this.#flying.set(key, Math.max(0, Math.min(loaded, end - start)))
      if (loaded > 0) this.#set('sending')
      this.#moved ||= loaded > 0
      this.#tell()
    }
    signal.addEventListener('abort', abort)
    try {
      return await new Promise((resolve, reject) => {
        const lost = () => reject(unreachable(url, this.#moved))
        // A form is more than its file.
        xhr.upload.onprogress = ({ loaded, total }) => moved(loaded - (total - (end - start)))
        xhr.onload = () => (xhr.status < 300 ? resolve(xhr) : reject(refusal(xhr)))
        xhr.onerror = xhr.onabort = lost
        xhr.open(method, url)
        for (const [name, value] of Object.entries(headers ?? {})) xhr.setRequestHeader(name, value)
        moved(0)
        xhr.send(body)
      })
    } catch (error) {
      this.#flying.delete(key)
      // A browser says the same of a file that it can't read as of a network that is gone.
      if (error.code === 'network' && !signal.aborted) await bytes(this.file, start, start + 1)
      throw error
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
    }
  }

  /** Waits until the file is ready. At most two requests of all uploads wait at the API; a follower saves them. */
  async #wait(record) {
    const { id } = record
    const { signal } = this.#options
    let status
    for (;;) {
      if (record.status !== status) this.#call('onStatus', (status = record.status), record)
      if (status === 'ready') return record
      if (status === 'failed' || status === 'expired') {
        const { code, message } = record.error ?? { code: 'upload_expired', message: 'The bytes of this file did not come.' }
        throw new FilemillError(code, message, { record })
      }
      let changed
      const heard = new Promise((resolve) => this.#core.waiting.set(id, (changed = resolve)))
      if (this.#core.live) await sleep(20_000, signal, (wake) => heard.then(wake))
      const leave = await this.#core.waits.enter()
      try {
        const wait = this.#core.waits.waiting.length ? 1 : 20
        const query = this.#core.live ? {} : { wait, wait_for: 'change' }
        const { data, headers } = await this.#core.ask('GET', `/v1/files/${id}`, { query, signal, credential: this.#credential })
        record = this.record = data
        const again = headers.get('Retry-After')
        if (again && record.status === status && !this.#core.live) {
          leave()
          await sleep(jitter(again * 2000), signal, (wake) => heard.then(wake))
        }
      } finally {
        leave()
        if (this.#core.waiting.get(id) === changed) this.#core.waiting.delete(id)
      }
    }
  }
}
