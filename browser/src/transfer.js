// Bytes on their way to S3.

import { bytes } from './bytes.js'
import { FilemillError } from './errors.js'

const STALLED = 60_000 // ms without a byte after which a transfer is begun anew

/** Sends bytes `start` to `end` of the file to S3; gives the request. Only an XMLHttpRequest tells of its progress. */
export async function transfer(job, { method, url, body, headers, part, start, end, signal }) {
  const xhr = new XMLHttpRequest()
  const abort = () => xhr.abort()
  let timer
  const moved = (loaded) => {
    clearTimeout(timer)
    timer = setTimeout(abort, STALLED)
    if (!signal.aborted) job.moved(part, Math.max(0, Math.min(loaded, end - start)))
  }
  signal.addEventListener('abort', abort)
  try {
    return await new Promise((resolve, reject) => {
      // A form is more than its file.
      xhr.upload.onprogress = ({ loaded, total }) => moved(loaded - (total - (end - start)))
      xhr.onload = () => (xhr.status < 300 ? resolve(xhr) : reject(refusal(xhr)))
      xhr.onerror = xhr.onabort = () => reject(unreachable(url, job.hasMoved()))
      xhr.open(method, url)
      for (const [name, value] of Object.entries(headers ?? {})) xhr.setRequestHeader(name, value)
      moved(0)
      xhr.send(body)
    })
  } catch (error) {
    job.lost(part)
    // A browser says the same of a file that it can't read as of a network that is gone.
    if (error.code === 'network' && !signal.aborted) await bytes(job.file, start, start + 1)
    throw error
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', abort)
  }
}

/** The error that S3 answered. */
function refusal(xhr) {
  const [, storage = `status ${xhr.status}`] = /<Code>([^<]*)/.exec(xhr.responseText) ?? []
  const [, message = ''] = /<Message>([^<]*)/.exec(xhr.responseText) ?? []
  const status = storage === 'RequestTimeout' ? 408 : xhr.status
  const code = storage === 'NoSuchUpload' ? storage : 'storage'
  return new FilemillError(code, `S3 refused the bytes: ${storage}. ${message}`.trim(), { status, storage })
}

/** The error of a transfer that got no answer. A browser does not tell its page the reason. */
function unreachable(url, moved) {
  const { origin } = new URL(url)
  const detail = moved
    ? 'The connection broke while the file was sent.'
    : `${origin} can't be reached, or does not let pages of this origin upload (CORS).`
  return new FilemillError('network', detail)
}
