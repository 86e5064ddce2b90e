// The bytes of an upload, in one form or in parts.

import { bytes, hex } from './bytes.js'
import { ADDRESSES_LIVE } from './timing.js'
import { transfer } from './transfer.js'

const SIGNED_AT_ONCE = 20 // addresses of parts that one request asks for
const REFUSALS = 4 // of one part by S3
const MISFITS = ['part_missing', 'etag_mismatch', 'part_too_small', 'size_mismatch']

/** Sends what S3 does not hold. Gives the record. */
export function send(job, { id, record, upload, held }) {
  return upload.method === 'POST' ? sendForm(job, record, upload) : sendParts(job, id, upload, held)
}

async function sendForm(job, record, { url, fields, headers }) {
  const body = new FormData()
  for (const [name, value] of Object.entries(fields)) body.append(name, value)
  body.append('file', job.file)
  await job.step(async (signal) => {
    try {
      await transfer(job, { method: 'POST', url, body, headers, part: 0, start: 0, end: job.file.size, signal })
    } catch (error) {
      if (/expired/i.test(error.storage + error.detail)) error.code = 'form_expired'
      throw error
    }
  })
  return record
}

async function sendParts(job, id, { part_size: size, part_count: count, parts: signed }, held) {
  const addresses = new Addresses(job, id, signed)
  let etags = take(job, held)
  const heldNow = async () => take(job, (await job.ask('GET', `/v1/files/${id}/parts`)).data.parts)
  for (let round = 0; ; round++) {
    const missing = Array.from({ length: count }, (_, index) => index + 1).filter((number) => !etags.has(number))
    const worker = async () => {
      for (let number; (number = missing.shift()); ) {
        etags.set(number, await sendPart(job, number, size, (signal, sum) => addresses.of(number, missing, signal, sum)))
      }
    }
    await Promise.all(Array.from({ length: job.options.parallel ?? 4 }, worker))
    // A bucket that does not expose ETags to pages: the API knows them, too.
    if ([...etags.values()].includes(null)) etags = await heldNow()
    const parts = [...etags].sort(([one], [two]) => one - two).map(([number, etag]) => ({ part_number: number, etag }))
    try {
      return (await job.ask('POST', `/v1/files/${id}/complete`, { body: { parts } })).data
    } catch (error) {
      if (!MISFITS.includes(error.code) || round) throw error
      etags = await heldNow()
    }
  }
}

/** The ETags of the parts that S3 holds, by number. */
function take(job, parts) {
  job.holds(parts.reduce((sum, part) => sum + part.size, 0))
  return new Map(parts.map((part) => [part.part_number, part.etag]))
}

/** Sends one part, and gives its ETag, or null if this page may not see it. */
function sendPart(job, number, size, addressOf) {
  const [start, end] = [(number - 1) * size, Math.min(number * size, job.file.size)]
  let refusals = 0
  return job.step(async (signal) => {
    let sum, headers
    if (job.options.checksums) {
      sum = new Uint8Array(await crypto.subtle.digest('SHA-256', await bytes(job.file, start, end)))
      headers = { 'x-amz-checksum-sha256': btoa(String.fromCharCode(...sum)) }
    }
    const url = await addressOf(signal, sum)
    const body = job.file.slice(start, end)
    try {
      const sent = await transfer(job, { method: 'PUT', url, body, headers, part: number, start, end, signal })
      job.arrived(number, end - start)
      return sent.getResponseHeader('ETag')
    } catch (error) {
      // The address may have expired, or the credentials that signed it. The next try gets another one.
      error.repeat = (error.status === 403 || error.status === 400) && ++refusals < REFUSALS
      throw error
    }
  })
}

/** The signed addresses of parts. They live for an hour. */
class Addresses {
  constructor(job, id, signed) {
    this.job = job
    this.path = `/v1/files/${id}/parts`
    this.known = new Map()
    this.keep(signed)
  }

  keep(signed) {
    for (const { part_number: number, url } of signed) this.known.set(number, { url, at: performance.now() })
  }

  /** The address of a part, for one use; for its SHA-256, if parts are signed for theirs. */
  async of(number, missing, signal, sum) {
    const known = !sum && this.known.get(number)
    this.known.delete(number)
    if (known && performance.now() - known.at < ADDRESSES_LIVE) return known.url
    const others = missing.filter((other) => !this.known.has(other)).slice(0, SIGNED_AT_ONCE - 1)
    const body = sum ? { parts: [{ part_number: number, sha256: hex(sum) }] } : { part_numbers: [number, ...others] }
    this.keep((await this.job.ask('POST', this.path, { body, signal })).data.parts)
    const { url } = this.known.get(number)
    this.known.delete(number)
    return url
  }
}
