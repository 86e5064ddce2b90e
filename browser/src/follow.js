import { FilemillError, cancelled, isTransient } from './errors.js'
import { backoff, jitter, sleep } from './timing.js'

export class Follow {
  #core
  #options
  #credential
  #known = new Map() // file id → the newest revision that the page was told
  #chain = Promise.resolve()
  #own = new AbortController()
  #signal
  #counted = false
  #ticket = false // whether the page gives tickets, each of which opens one socket and nothing else

  constructor(core, options) {
    const { files, cursor, signal } = options
    if (files && files.length > 500) throw new RangeError('A follower takes at most 500 files; leave `files` out to hear of all.')
    this.#core = core
    this.#options = options
    this.#credential = core.credential('follow', { keep: true })
    this.#signal = AbortSignal.any([this.#own.signal, ...(signal ? [signal] : [])])
    this.cursor = cursor ?? null
    this.state = null
    this.error = null
    this.#run().catch((error) => this.#end(error))
  }

  close() {
    this.#own.abort()
  }

  #set(state, error = null) {
    const counted = state === 'live' && !this.#options.files
    this.#core.live += counted - this.#counted
    this.#counted = counted
    if (state === this.state || this.state === 'ended') return
    this.state = state
    this.error = error
    this.#options.onState?.(state, error)
  }

  #end(error) {
    this.#set('ended', this.#signal.aborted ? null : error)
    this.#own.abort()
  }

  async #run() {
    let failures = 0
    let sockets = typeof WebSocket === 'function'
    for (;;) {
      if (sockets) {
        if (this.state !== 'polling') this.#set('connecting')
        const begun = performance.now()
        let lived = false
        try {
          lived = (await this.#listen()) && performance.now() - begun > 10_000
        } catch (error) {
          if (error.fatal || error.status === 401) throw error
          if (error.status === 403) sockets = false // The feed is open to more credentials than the socket.
        }
        if (this.#signal.aborted) throw cancelled()
        failures = lived ? 0 : failures + 1
        if (this.state === 'live') this.#set('connecting')
      }
      // After a socket that worked, the next one. Before one ever did, the feed, and a socket now and then.
      if (failures === 0) await sleep(jitter(2000), this.#signal)
      else if (this.#ticket) await sleep(backoff(failures), this.#signal)
      else await this.#poll(sockets ? jitter(Math.min(15_000 * 2 ** (failures - 1), 900_000)) : Infinity)
    }
  }

  /** Tells the page of events, in order, each state of a file once. Then the cursor behind them holds. */
  #tell(events, cursor) {
    const told = this.#chain.then(async () => {
      for (const event of events) {
        const { revision } = event.data?.file ?? {}
        if (this.#signal.aborted) return
        if (revision <= this.#known.get(event.subject)) continue
        this.#known.delete(event.subject) // so that those that change stay, and the oldest is forgotten
        this.#known.set(event.subject, revision)
        if (this.#known.size > 20_000) this.#known.delete(this.#known.keys().next().value)
        this.#core.heard(event)
        try {
          await this.#options.onEvent?.(event)
        } catch (error) {
          reportError(error) // the page's own
        }
      }
      if (cursor) {
        this.cursor = cursor
        this.#options.onCursor?.(cursor)
      }
    })
    this.#chain = told
    return told
  }

  /** The cursor is no good any more, so changes were missed: the page reads its files anew. */
  #reset() {
    this.cursor = null
    this.#options.onReset?.()
  }

  #messages() {
    const { files } = this.#options
    if (!files) return [{ action: 'subscribe', all: true, id: '0' }]
    return chunks(files).map((each, index) => ({ action: 'subscribe', files: each, id: String(index) }))
  }

  /** One socket, until it closes. Gives true if it was subscribed. Rejects if there can be none. */
  async #listen() {
    const signal = this.#signal
    const given = await this.#credential(this.#ticket)
    this.#ticket = !!given?.startsWith('fmt_')
    // A ticket tells why there is no socket, which a browser never does; and a proxy logs no key with it.
    const asked = { credential: this.#credential, signal, retries: 0 }
    const ticket = this.#ticket ? given : (await this.#core.ask('POST', '/v1/socket-tickets', asked)).data.ticket
    const socket = new WebSocket(`${this.#core.url.replace(/^http/, 'ws')}/ws`, ['filemill.v1', `bearer.${ticket}`])
    const messages = this.#messages()
    const open = new Set(messages.map(({ id }) => id))
    let live = false
    let failed = null
    let over
    const closed = new Promise((resolve) => (over = resolve))
    // Not by its `close` event alone: it comes late from a dead peer, and never where a policy forbids the socket.
    const close = () => {
      socket.close()
      over()
    }
    let timer = setTimeout(close, 15_000)
    const send = (message) => socket.send(JSON.stringify(message))
    const ping = () => {
      if (socket.readyState !== 1) return
      send({ action: 'ping' })
      clearTimeout(timer)
      timer = setTimeout(close, 20_000)
    }
    const subscribe = (message) => send(this.cursor && message.all ? { ...message, cursor: this.cursor } : message)
    const beat = setInterval(ping, 240_000)
    signal.addEventListener('abort', close)
    globalThis.addEventListener?.('online', ping)
    socket.onopen = () => messages.forEach(subscribe)
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data)
      clearTimeout(timer)
      if (!live) timer = setTimeout(close, 30_000)
      if (!message.type) return close() // API Gateway's own: a function failed
      this.#tell([message.event ?? message.events ?? []].flat(), message.type === 'error' ? null : message.cursor)
      if (message.type === 'subscribed') {
        open.delete(message.id)
        if (message.missing?.length) this.#options.onMissing?.(message.missing)
      } else if (message.type === 'error') {
        failed = this.#refused(message, messages, open, subscribe) ?? failed
        if (failed) close()
      }
      if (open.size || live) return
      live = true
      clearTimeout(timer)
      this.#chain.then(() => socket.readyState === 1 && this.#set('live'))
    }
    socket.onclose = socket.onerror = close
    await closed
    socket.onmessage = null
    clearTimeout(timer)
    clearInterval(beat)
    signal.removeEventListener('abort', close)
    globalThis.removeEventListener?.('online', ping)
    await this.#chain
    if (failed?.fatal) throw failed
    return live
  }

  /** Reacts to an error that the socket told: an error ends the socket, a fatal one ends the follower. */
  #refused({ code, detail, cursor, id }, messages, open, subscribe) {
    const message = messages.find((each) => each.id === id)
    if (message && (code === 'behind' || code === 'invalid_cursor')) {
      if (code === 'invalid_cursor') this.#reset()
      this.#tell([], cursor).then(() => subscribe(message))
    } else if (message && code === 'not_found') {
      open.delete(id)
      this.#options.onMissing?.(message.files)
    } else {
      const fatal = ['too_many_subscriptions', 'invalid_field', 'payload_too_large'].includes(code)
      return new FilemillError(code, detail, { fatal })
    }
    return null
  }

  /** Asks again and again, for so many milliseconds: the feed, or for the named files one state after the other. */
  async #poll(ms) {
    const until = performance.now() + ms
    let pause = 3000
    let failures = 0
    do {
      try {
        const from = this.cursor
        const { events, cursor, more } = await (this.#options.files ? this.#askForFiles() : this.#askFeed())
        const before = this.#known.size
        await this.#tell(events, cursor)
        this.#set('polling')
        failures = 0
        if (more && cursor !== from) continue
        pause = events.length && before !== this.#known.size ? 3000 : Math.min(pause * 1.3, 15_000)
      } catch (error) {
        if (error.code === 'invalid_cursor') this.#reset()
        // An error of the page's own `credential` may be over the next time.
        else if (error instanceof FilemillError && !isTransient(error)) throw error
        else if (error.code === 'network') this.#set('connecting', error)
        pause = backoff(++failures + 2, error.retryAfter)
      }
      await sleep(jitter(pause), this.#signal)
    } while (performance.now() < until)
  }

  async #askFeed() {
    const asked = { query: { after: this.cursor ?? 'now' }, credential: this.#credential, signal: this.#signal }
    const { items, next_after: cursor, more } = (await this.#core.ask('GET', '/v1/changes', asked)).data
    return { cursor, more, events: items.map(({ id, revision, file }) => event(file ?? { id, revision })) }
  }

  async #askForFiles() {
    const asked = { credential: this.#credential, signal: this.#signal, again: true }
    const found = []
    const { files } = this.#options
    try {
      for (let ids of chunks(files)) {
        while (ids.length) {
          const { items, omitted } = (await this.#core.ask('POST', '/v1/files/batch-get', { ...asked, body: { ids } })).data
          found.push(...items)
          ids = omitted
        }
      }
    } catch (error) {
      if (error.status !== 403) throw error
      found.length = 0 // An upload token asks for one file at a time.
      for (const id of files) {
        const one = this.#core.ask('GET', `/v1/files/${id}`, asked)
        await one.then(({ data }) => found.push(data), (reason) => reason.status === 404 || Promise.reject(reason))
      }
    }
    const there = new Set(found.map(({ id }) => id))
    const missing = files.filter((id) => !there.has(id) && this.#known.get(id) !== Infinity)
    for (const id of missing) this.#known.set(id, Infinity)
    if (missing.length) this.#options.onMissing?.(missing)
    return { events: found.map(event) }
  }
}

const chunks = (list) => Array.from({ length: Math.ceil(list.length / 100) }, (_, at) => list.slice(at * 100, at * 100 + 100))

/** A record of the API as the envelope that a socket would have sent. The API tells the state, not the change. */
function event(file) {
  const { id, revision, status = 'deleted', updated_at: time = null } = file
  const type = `filemill.file.${status === 'awaiting_upload' ? 'created' : status}`
  return { specversion: '1.0', id: `evt_${id}_${revision}`, type, subject: id, time, data: { file } }
}
