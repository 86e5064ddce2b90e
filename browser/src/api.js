import { FilemillError, cancelled, isTransient } from './errors.js'
import { Queue, backoff, pauseOf, sleep } from './timing.js'

const RETRIES = 5 // of a request; a step of an upload has more

/** The API, and what the uploads and followers of one Filemill share. */
export class Core {
  constructor({ url, credential, uploads = 3 }) {
    this.url = String(url ?? new URL(import.meta.url).origin).replace(/\/+$/, '')
    this.given = credential
    this.uploads = new Queue(uploads)
    this.waits = new Queue(2) // Requests that wait: over HTTP/1.1 a browser has six connections to a host.
    this.waiting = new Map() // file id → function that says that the file has changed
    this.live = 0 // followers that hear of all files
  }

  /** A function that gives the credential. With `keep` it asks the page once, and again only when that was refused. */
  credential(purpose, { file, keep, held } = {}) {
    return async (refresh) => {
      if (!held || refresh || !keep) {
        held = typeof this.given === 'function' ? await this.given({ purpose, file, refresh: !!refresh }) : this.given
      }
      return held
    }
  }

  /** {data, headers} of the answer. Repeats what may be repeated; `again` says that a POST may be. */
  async ask(method, path, options = {}) {
    const { body, query = {}, headers, signal, again = method === 'GET', retries = RETRIES } = options
    const { credential = this.credential('request') } = options
    // Else a path such as `.evil.example` or `@evil.example` would take the credential to another host.
    if (!path.startsWith('/')) throw new TypeError('A path begins with a slash.')
    const url = new URL(this.url + path)
    for (const [name, values] of Object.entries(query)) {
      for (const value of [values].flat()) if (value != null) url.searchParams.append(name, value)
    }
    let refreshed = false
    let sent = await credential()
    for (let attempt = 0; ; attempt++) {
      let error
      try {
        return await this.once(method, url, sent, { body, headers, signal })
      } catch (caught) {
        error = caught
      }
      if (error.status === 401 && !refreshed) {
        const refused = sent
        refreshed = true
        sent = await credential(true)
        if (sent !== refused) continue
      }
      const refused = error.status === 429 || error.status === 503 // so nothing was done
      if (attempt >= retries || error.retryAfter > 60 || !isTransient(error) || !(again || refused)) throw error
      await sleep(backoff(attempt, error.retryAfter), signal)
    }
  }

  async once(method, url, credential, { body, headers, signal }) {
    const all = { ...headers }
    if (credential) all.Authorization = `Bearer ${credential}`
    if (body !== undefined) all['Content-Type'] = 'application/json'
    let answer, text
    try {
      const until = AbortSignal.any([AbortSignal.timeout(45_000), ...(signal ? [signal] : [])])
      const sent = body === undefined ? undefined : JSON.stringify(body)
      answer = await fetch(url, { method, headers: all, body: sent, signal: until, credentials: 'omit' })
      text = await answer.text()
    } catch (cause) {
      if (signal?.aborted) throw cancelled()
      throw new FilemillError('network', `${this.url} can't be reached. Is there a network?`, { cause })
    }
    let data = null
    try {
      data = text ? JSON.parse(text) : null
    } catch {
      // A page of CloudFront or of a proxy; its status says enough.
    }
    if (answer.ok) return { data, headers: answer.headers }
    throw new FilemillError(data?.code ?? 'unexpected_answer', data?.detail ?? `The answer was ${answer.status}.`, {
      status: answer.status,
      title: data?.title ?? null,
      field: data?.field ?? null,
      requestId: data?.request_id ?? answer.headers.get('X-Request-Id'),
      retryAfter: pauseOf(answer.headers.get('Retry-After')),
      problem: data,
    })
  }

  /** An event that some follower has heard. */
  heard(event) {
    this.waiting.get(event.subject)?.()
  }
}
