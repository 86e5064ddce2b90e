// Bytes on their way to S3.

import { FilemillError } from './errors.js'

/** The error that S3 answered. */
export function refusal(xhr) {
  const [, storage = `status ${xhr.status}`] = /<Code>([^<]*)/.exec(xhr.responseText) ?? []
  const [, message = ''] = /<Message>([^<]*)/.exec(xhr.responseText) ?? []
  const status = storage === 'RequestTimeout' ? 408 : xhr.status
  const code = storage === 'NoSuchUpload' ? storage : 'storage'
  return new FilemillError(code, `S3 refused the bytes: ${storage}. ${message}`.trim(), { status, storage })
}

/** The error of a transfer that got no answer. A browser does not tell its page the reason. */
export function unreachable(url, moved) {
  const { origin } = new URL(url)
  const detail = moved
    ? 'The connection broke while the file was sent.'
    : `${origin} can't be reached, or does not let pages of this origin upload (CORS).`
  return new FilemillError('network', detail)
}
