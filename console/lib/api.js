const TRIES = 4
const FIRST_PAUSE = 400 // milliseconds
const LONGEST_PAUSE = 10_000

/** An answer of the API that is no success, or no answer at all (`status` 0, `code` "network"). */
export class Problem extends Error {
  constructor({ status = 0, code = 'network', title = '', detail = '', field = null, requestId = null, retryAfter = null }) {
    super(detail || title || code)
    Object.assign(this, { name: 'Problem', status, code, title, detail: detail || title, field, requestId, retryAfter })
  }
}

// lib/session.js says where the credential comes from and hears of its end; it imports this module, so not the reverse.
const hooks = { credential: async () => null, ended: () => {} }
export const connect = (given) => Object.assign(hooks, given)

function address(path, params) {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(params ?? {})) {
    for (const each of [value].flat()) if (each !== undefined && each !== null && each !== '') query.append(name, each)
  }
  const text = query.toString()
  return text ? `${path}?${text}` : path
}

async function problemOf(response) {
  const body = await response.json().catch(() => ({}))
  const after = Number(response.headers.get('Retry-After'))
  return new Problem({
    status: response.status,
    code: body.code ?? `http_${response.status}`,
    title: body.title ?? response.statusText,
    detail: body.detail ?? body.message ?? `The server answered ${response.status}.`,
    field: body.field ?? null,
    requestId: body.request_id ?? response.headers.get('X-Request-Id'),
    retryAfter: after > 0 ? after : null,
  })
}

async function once(method, path, { params, body, ifMatch, credential, signal, keepalive }) {
  const bearer = credential ?? (await hooks.credential())
  const headers = { Accept: 'application/json' }
  if (bearer) headers.Authorization = `Bearer ${bearer}`
  if (body !== undefined) headers['Content-Type'] = 'application/json'
  if (ifMatch) headers['If-Match'] = ifMatch
  let response
  try {
    response = await fetch(address(path, params), {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
      keepalive,
      credentials: 'omit',
      cache: 'no-store',
    })
  } catch (error) {
    if (error.name === 'AbortError') throw error
    throw new Problem({ detail: 'The server can’t be reached. Check your connection.' })
  }
  if (!response.ok) throw await problemOf(response)
  const text = response.status === 204 ? '' : await response.text()
  try {
    return { data: text ? JSON.parse(text) : null, etag: response.headers.get('ETag') }
  } catch {
    throw new Problem({ status: response.status, code: 'not_json', detail: 'The server’s answer can’t be read.' })
  }
}

const pause = (milliseconds, signal) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds)
    signal?.addEventListener('abort', () => (clearTimeout(timer), reject(signal.reason)), { once: true })
  })

/** May the same request be sent again? One that was refused for its rate has done nothing; a read never does. */
const again = (method, problem) =>
  problem.status === 429 ? problem.code !== 'quota_exceeded' : [0, 502, 503, 504].includes(problem.status) && method === 'GET'

/**
 * Sends a request and returns `{data, etag}`. Throws Problem. Options: `params`, `body` (JSON), `ifMatch`, `signal`,
 * `keepalive`, and `credential` in place of the session's.
 */
export async function request(method, path, options = {}) {
  for (let tried = 1; ; tried += 1) {
    try {
      return await once(method, path, options)
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem
      if (problem.status === 401 && !options.credential) hooks.ended(problem)
      if (tried >= TRIES || !again(method, problem)) throw problem
      const longest = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** tried)
      await pause(Math.max((problem.retryAfter ?? 0) * 1000, longest * (0.5 + Math.random() / 2)), options.signal)
    }
  }
}

const data = async (...args) => (await request(...args)).data

export const api = {
  request,
  get: (path, params, options) => data('GET', path, { params, ...options }),
  post: (path, body = {}, options) => data('POST', path, { body, ...options }),
  patch: (path, body, options) => data('PATCH', path, { body, ...options }),
  put: (path, body = {}, options) => data('PUT', path, { body, ...options }),
  delete: (path, options) => data('DELETE', path, options),
  /** All items of a list, page after page, each page when it is needed. */
  async *pages(path, params = {}, options) {
    for (let cursor; cursor !== null; ) {
      const page = await api.get(path, { ...params, cursor }, options)
      yield* page.items
      cursor = page.next_cursor ?? null
    }
  },
}
