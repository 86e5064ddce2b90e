/** Every error of this module. `code` is that of the API, or `network`, `cancelled`, `file_unreadable`, `storage`. */
export class FilemillError extends Error {
  constructor(code, detail, more) {
    super(detail)
    const empty = { status: 0, title: null, field: null, requestId: null, retryAfter: null, record: null }
    Object.assign(this, empty, more, { code, detail })
    this.name = code === 'cancelled' ? 'AbortError' : 'FilemillError'
  }
}

export const cancelled = () => new FilemillError('cancelled', 'This was cancelled.')

/** True for what may be over when it is tried again. */
export const isTransient = ({ code, status }) =>
  code === 'network' || status === 408 || (status === 429 && code !== 'quota_exceeded') || status >= 500
