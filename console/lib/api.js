import { ended, filemill } from './filemill.js'

const RETRIES = 3 // somebody looks at the page meanwhile

/**
 * Sends a request and returns `{data, etag}`. Throws Problem. Options: `params`, `body` (JSON), `ifMatch`, `signal`,
 * `keepalive`, and `credential` in place of the session's.
 */
export async function request(method, path, { params = {}, body, ifMatch, signal, keepalive, credential } = {}) {
  const query = Object.fromEntries(Object.entries(params).filter(([, value]) => value !== ''))
  const headers = ifMatch && { 'If-Match': ifMatch }
  try {
    const options = { query, body, headers, signal, keepalive, credential, retries: RETRIES }
    const answer = await filemill.answer(method, path, options)
    return { data: answer.data, etag: answer.headers.get('ETag') }
  } catch (problem) {
    if (problem.status === 401 && !credential) ended(problem)
    throw problem
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
}
