// A form's texts, made from a record and turned into the body of a PATCH. Pure.

export const TYPES = ['text', 'number', 'yes or no', 'JSON']

function rowOf([name, value]) {
  if (typeof value === 'string') return { name, type: 'text', value }
  if (typeof value === 'number') return { name, type: 'number', value: String(value) }
  if (typeof value === 'boolean') return { name, type: 'yes or no', value: value ? 'yes' : 'no' }
  return { name, type: 'JSON', value: JSON.stringify(value) }
}

const two = (number) => String(number).padStart(2, '0')

/** A moment as `<input type="datetime-local">` has it, in the person's own time. */
export function local(time) {
  if (!time) return ''
  const date = new Date(time)
  const day = `${String(date.getFullYear()).padStart(4, '0')}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return `${day}T${two(date.getHours())}:${two(date.getMinutes())}`
}

const endOf = (record) =>
  record.expires_after == null ? null : new Date(new Date(record.created_at).getTime() + record.expires_after * 1000)

export const draftOf = (record) => ({
  filename: record.filename ?? '',
  tags: [...(record.tags ?? [])],
  metadata: Object.entries(record.metadata ?? {}).map(rowOf),
  visibility: record.visibility,
  expires: local(endOf(record)),
})

/** The value of a row of metadata. Throws a sentence for the person. */
function valueOf({ name, type, value }) {
  if (type === 'text') return value
  if (type === 'yes or no') return value === 'yes'
  if (type === 'number') {
    if (value.trim() === '' || !Number.isFinite(Number(value))) throw new Error(`“${name}” is no number.`)
    return Number(value)
  }
  try {
    return JSON.parse(value)
  } catch {
    throw new Error(`“${name}” is no JSON. Text needs the type “text”.`)
  }
}

export function metadataOf(rows) {
  const found = Object.create(null)
  for (const row of rows) {
    const name = row.name.trim()
    if (!name && !row.value) continue
    if (!name) throw new Error('Give each row of metadata a name.')
    if (name in found) throw new Error(`There are two rows “${name}”.`)
    found[name] = valueOf({ ...row, name })
  }
  return { ...found }
}

const isObject = (value) => value !== null && typeof value === 'object' && !Array.isArray(value)
export const same = (a, b) => JSON.stringify(sorted(a)) === JSON.stringify(sorted(b))

/** Objects with their names in order, because their order says nothing. */
function sorted(value) {
  if (Array.isArray(value)) return value.map(sorted)
  if (!isObject(value)) return value
  return Object.fromEntries(Object.keys(value).sort().map((name) => [name, sorted(value[name])]))
}

/** The merge patch (RFC 7396) that makes `to` of `from`. Values that stay are not in it. */
export function mergePatch(from, to) {
  const names = [...new Set([...Object.keys(from), ...Object.keys(to)])]
  const changed = names.filter((name) => !Object.hasOwn(to, name) || !Object.hasOwn(from, name) || !same(from[name], to[name]))
  return Object.fromEntries(
    changed.map((name) => {
      if (!Object.hasOwn(to, name)) return [name, null]
      return [name, Object.hasOwn(from, name) && isObject(from[name]) && isObject(to[name]) ? mergePatch(from[name], to[name]) : to[name]]
    }),
  )
}

/**
 * The body of a PATCH that makes the draft of the record, with the fields that differ only. Throws {field, message}: a
 * sentence for the field that is wrong.
 */
export function changesOf(record, draft, now = Date.now()) {
  const before = draftOf(record)
  const body = {}
  const filename = draft.filename
  if (!filename.trim()) throw wrong('filename', 'Give the file a name.')
  if (/[/\\]/.test(filename)) throw wrong('filename', 'A name has no slashes.')
  if (filename !== before.filename) body.filename = filename
  if (!same(draft.tags, before.tags)) body.tags = draft.tags
  if (draft.visibility !== before.visibility) body.visibility = draft.visibility
  if (draft.expires !== before.expires) body.expires_after = secondsOf(record, draft.expires, now)
  try {
    const patch = mergePatch(record.metadata ?? {}, metadataOf(draft.metadata))
    if (Object.keys(patch).length) body.metadata = patch
  } catch (error) {
    throw wrong('metadata', error.message)
  }
  return body
}

function secondsOf(record, expires, now) {
  if (!expires) return null
  const end = new Date(expires).getTime()
  if (!(end > now)) throw wrong('expires_after', 'Choose a moment that is still to come.')
  return Math.max(60, Math.round((end - new Date(record.created_at)) / 1000))
}

const wrong = (field, message) => Object.assign(new Error(message), { field })

const FIELDS = {
  filename: 'name',
  tags: 'tags',
  metadata: 'metadata',
  visibility: 'visibility',
  expires_after: 'the time when it is deleted',
  focus: 'focal point',
  poster: 'poster',
  status: 'status',
}

/** The differences between two records of a file, in words. */
export const differences = (before, after) =>
  Object.keys(FIELDS)
    .filter((name) => !same(before[name] ?? null, after[name] ?? null))
    .map((name) => FIELDS[name])
