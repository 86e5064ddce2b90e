// The beginning of an upload: the file is created, or one that was begun before is found.

import { hex } from './bytes.js'
import { ADDRESSES_LIVE } from './timing.js'

const FIELDS = ['visibility', 'recipe', 'tags', 'metadata', 'owner', 'sha256', 'focus']

/** {upload, held} with the parts that S3 holds, or {record} if the bytes are all there. */
export async function begin(job, saved) {
  const wanted = wantedOf(job)
  const body = JSON.stringify(wanted)
  const old = saved?.body === body ? saved : null
  return old?.parts ? goOn(job, old) : create(job, wanted, body, old)
}

async function goOn(job, { id }) {
  job.created({ id })
  try {
    const { data } = await job.ask('GET', `/v1/files/${id}/parts`)
    return { id, upload: { method: 'MULTIPART', ...data, parts: [] }, held: data.parts }
  } catch (error) {
    if (error.code !== 'already_uploaded') throw error
    return { record: (await job.ask('GET', `/v1/files/${id}`)).data }
  }
}

/** With the Idempotency-Key that is remembered, a create that was sent before gives the same file again. */
async function create(job, wanted, body, old) {
  const recent = old && Date.now() - old.at < ADDRESSES_LIVE
  const saved = recent ? old : { key: hex(crypto.getRandomValues(new Uint8Array(16))), body, at: Date.now() }
  job.save(saved)
  const headers = { 'Idempotency-Key': saved.key }
  const { upload, ...record } = (await job.ask('POST', '/v1/files', { body: wanted, headers })).data
  job.created(record)
  const token = await job.credential()
  Object.assign(saved, { id: record.id, parts: upload?.method === 'MULTIPART' })
  if (token?.startsWith('fmu_')) saved.token = token
  job.save(saved)
  return { id: record.id, record, upload, held: [] }
}

/** The body of the create. Options that the page did not give are left out: an upload token allows few. */
function wantedOf({ file, options }) {
  const { multipart, partSize, checksums, expiresAfter, contentType, filename } = options
  const wanted = {
    filename: filename ?? (file.name || 'file'),
    content_type: contentType || file.type || 'application/octet-stream',
    size: file.size,
    upload: multipart === undefined ? undefined : multipart ? 'multipart' : 'post',
    part_size: partSize,
    part_checksums: checksums || undefined,
    expires_after: expiresAfter,
  }
  for (const field of FIELDS) wanted[field] = options[field]
  return JSON.parse(JSON.stringify(wanted))
}
