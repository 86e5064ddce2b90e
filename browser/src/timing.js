// Waiting: pauses with jitter, and a queue.

import { cancelled } from './errors.js'

export const ADDRESSES_LIVE = 50 * 60_000 // ms; S3's forms and addresses are signed for an hour

export const offline = () => globalThis.navigator?.onLine === false
/** Seconds that a `Retry-After` asks for; null for one that makes no sense. setTimeout takes 24 days, or fires at once. */
export function pauseOf(text) {
  const seconds = Number(text) || (Date.parse(text) - Date.now()) / 1000
  return seconds > 0 ? Math.min(seconds, 1e6) : null
}

export const jitter = (ms) => ms * (0.5 + Math.random() / 2)
export const backoff = (attempt, retryAfter) =>
  retryAfter ? retryAfter * 1000 * (1 + Math.random() / 2) : jitter(Math.min(500 * 2 ** attempt, 30_000))

/** Waits so many milliseconds, or until the network is back or `wake(resolve)` says so. Rejects if it is aborted. */
export function sleep(ms, signal, wake) {
  return new Promise((resolve, reject) => {
    const abort = () => end(reject, cancelled())
    const timer = setTimeout(() => end(resolve), ms)
    const back = () => end(resolve)
    const end = (settle, value) => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
      globalThis.removeEventListener?.('online', back)
      settle(value)
    }
    if (signal?.aborted) return abort()
    signal?.addEventListener('abort', abort)
    globalThis.addEventListener?.('online', back)
    wake?.(back)
  })
}

/** A queue that lets `size` in at a time: `const leave = await queue.enter()`. */
export class Queue {
  constructor(size) {
    this.free = size
    this.waiting = []
  }

  async enter() {
    if (this.free > 0) this.free--
    else await new Promise((resolve) => this.waiting.push(resolve))
    let left = false
    return () => {
      if (left) return
      left = true
      if (this.waiting.length) this.waiting.shift()()
      else this.free++
    }
  }
}
