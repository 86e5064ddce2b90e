// A back end in plain Node, without packages: its users send pictures straight to Filemill, and see them when they are
// ready. In Next.js, each branch of `answer` is a route handler with the same lines (README.md shows them).

import { createHmac, timingSafeEqual } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'

const { FILEMILL_URL, FILEMILL_KEY, FILEMILL_WEBHOOK_SECRET, PORT = '8013', USERS = 'ada:lovelace' } = process.env
if (!FILEMILL_WEBHOOK_SECRET) throw new Error('FILEMILL_WEBHOOK_SECRET is not set: anybody could forge webhooks.')
const SHOWN = 50
const MOST_BYTES = 256 * 1024 // of a webhook's body; an event has 24 KB at most
const TOLERANCE = 300 // seconds between a webhook's time and this computer's clock

const users = new Map(USERS.split(' ').map((pair) => pair.split(':'))) // stands in for the sign-in that your app has
const pictures = new Map() // user → ids of files, the newest last; yours are in a database

const escaped = (text) => text.replace(/[&<>"']/g, (found) => `&#${found.charCodeAt(0)};`)

/** The API's answer. Throws an Error with `status` for a problem. */
async function filemill(method, path, body) {
  const headers = { Authorization: `Bearer ${FILEMILL_KEY}`, 'Content-Type': 'application/json' }
  const answer = await fetch(FILEMILL_URL + path, { method, headers, body: body && JSON.stringify(body) })
  const found = await answer.json()
  if (!answer.ok) throw Object.assign(new Error(found.detail), { status: answer.status })
  return found
}

/** The event of a webhook's request; null if it is not signed with our secret, or is old. */
export function verified(headers, body, secret, now = Date.now() / 1000) {
  const [id, time, signatures] = ['id', 'timestamp', 'signature'].map((name) => headers[`webhook-${name}`] ?? '')
  if (!/^[0-9]{1,12}$/.test(time) || Math.abs(now - Number(time)) > TOLERANCE) return null
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64')
  const expected = createHmac('sha256', key).update(`${id}.${time}.`).update(body).digest()
  const isRight = signatures.split(' ').some((each) => {
    const given = Buffer.from(each.replace(/^v1,/, ''), 'base64')
    return each.startsWith('v1,') && given.length === expected.length && timingSafeEqual(given, expected)
  })
  return isRight ? JSON.parse(body) : null
}

function signedIn(request) {
  const [, sent = ''] = /^Basic (.+)$/.exec(request.headers.authorization ?? '') ?? []
  const [user, ...password] = Buffer.from(sent, 'base64').toString().split(':')
  return users.has(user) && users.get(user) === password.join(':') ? user : null
}

async function bodyOf(request) {
  const chunks = []
  let size = 0
  for await (const chunk of request) {
    size += chunk.length
    if (size > MOST_BYTES) throw Object.assign(new Error('The body is too large.'), { status: 413 })
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

async function figures(user) {
  const ids = (pictures.get(user) ?? []).slice(-SHOWN).reverse()
  const shown = await Promise.all(
    ids.map(async (id) => {
      const file = await filemill('GET', `/v1/files/${id}?include=delivery`).catch((error) => {
        if (error.status !== 404) throw error // else it was deleted
      })
      // The markup is Filemill's: names and captions in it are escaped.
      return file ? `<figure data-file="${file.id}">${file.delivery.picture}</figure>` : ''
    }),
  )
  return shown.join('')
}

/** {status, type, body, headers} of the answer. */
async function answer(request) {
  const asked = `${request.method} ${request.url}`
  if (asked === 'POST /filemill-webhook') {
    const event = verified(request.headers, await bodyOf(request), FILEMILL_WEBHOOK_SECRET)
    if (!event) return { status: 400, body: 'The signature is wrong.' }
    const { file } = event.data
    const known = pictures.get(file?.owner) ?? []
    // The same event may come twice.
    if (event.type === 'filemill.file.ready' && file.owner && !known.includes(file.id)) {
      pictures.set(file.owner, [...known, file.id])
    }
    return { status: 204 }
  }
  const user = signedIn(request)
  if (!user) return { status: 401, headers: { 'WWW-Authenticate': 'Basic' } }
  switch (asked) {
    case 'GET /':
      return { type: 'text/html', body: await page(user) }
    case 'GET /static/upload.js':
      return { type: 'text/javascript', body: await readFile(new URL('upload.js', import.meta.url)) }
    case 'GET /pictures':
      return { type: 'text/html', body: await figures(user) }
    case 'POST /upload-token': {
      // 20 pictures of at most 20 MB each, for an hour. The files are the user's.
      const wanted = { max_bytes: 20_000_000, max_files: 20, content_types: ['image/*'], owner: user }
      const { token } = await filemill('POST', '/v1/upload-tokens', wanted)
      return { type: 'application/json', body: JSON.stringify({ token }) }
    }
    default:
      return { status: 404 }
  }
}

async function page(user) {
  const text = await readFile(new URL('page.html', import.meta.url), 'utf8')
  const values = { url: escaped(FILEMILL_URL), user: escaped(user), pictures: await figures(user) }
  return text.replace(/\$(url|user|pictures)/g, (_, name) => values[name])
}

const server = createServer(async (request, response) => {
  let found
  try {
    found = await answer(request)
  } catch (error) {
    console.error(error)
    found = { status: error.status === 413 ? 413 : 502 }
  }
  const { status = 200, type = 'text/plain', body, headers = {} } = found
  response.writeHead(status, { 'Content-Type': `${type}; charset=utf-8`, ...headers }).end(body)
})

server.listen(Number(PORT), '127.0.0.1', () => console.log(`http://localhost:${PORT}`))
