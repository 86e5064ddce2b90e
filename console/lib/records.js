// A file as lists show it: the part of its record that a tile needs, so that ten thousand of them are small.

/** The fields that lists ask for. */
export const FIELDS = [
  ...['filename', 'status', 'kind', 'content_type', 'size', 'visibility', 'tags', 'owner', 'revision'],
  ...['created_at', 'updated_at', 'error', 'image', 'preview', 'video', 'audio', 'pdf', 'archive', 'legal_hold', 'metadata', 'renditions'],
].join(',')

/** The folder in the path of a file, such as `photos/2026` of `photos/2026/a.jpg`; null for a file without one. */
export function folderIn(path) {
  const end = typeof path === 'string' ? path.lastIndexOf('/') : -1
  return end > 0 ? path.slice(0, end) : null
}

const WIDTH_NAME = /^w[0-9]+$/
const WIDEST = 640
const PICTURES = ['avif', 'webp', 'jpeg', 'png', 'svg']

/** [width, address] of the pictures for a tile, the smallest first. */
function pictures(renditions) {
  const shown = renditions.filter((each) => each.width && each.height && PICTURES.includes(each.format))
  const named = shown.filter((each) => WIDTH_NAME.test(each.name))
  const found = named.length ? named : shown
  const webp = found.filter((each) => each.format === 'webp')
  const sorted = (webp.length ? webp : found).toSorted((one, other) => one.width - other.width)
  const small = sorted.filter((each) => each.width <= WIDEST)
  return (small.length ? small : sorted.slice(0, 1)).map((each) => [each.width, each.url])
}

/**
 * The item of a record. Events carry addresses that are not signed: then `signed` is false, and a private file's
 * pictures are those of `old`, the item before, until the record is fetched.
 */
export function itemOf(record, { signed = true, old = null } = {}) {
  const picture = record.image ?? record.preview ?? null
  const usable = signed || record.visibility === 'public'
  const made = record.renditions && usable ? pictures(record.renditions) : null
  return {
    id: record.id,
    filename: record.filename,
    // An event may leave the metadata out.
    folder: record.metadata ? folderIn(record.metadata.path) : (old?.folder ?? null),
    status: record.status,
    kind: record.kind,
    contentType: record.content_type,
    size: record.size,
    visibility: record.visibility,
    tags: record.tags ?? [],
    owner: record.owner ?? null,
    revision: record.revision,
    createdAt: record.created_at,
    updatedAt: record.updated_at,
    error: record.error?.message ?? null,
    held: Boolean(record.legal_hold),
    thumbhash: picture?.thumbhash ?? null,
    color: picture?.dominant_color ?? null,
    width: picture?.width ?? null,
    height: picture?.height ?? null,
    pictures: made ?? old?.pictures ?? [],
    duration: record.video?.duration ?? record.audio?.duration ?? null,
    pages: record.pdf?.pages ?? null,
    entries: record.archive?.entries ?? null,
  }
}

const matchesType = (item, wanted) =>
  item.contentType === wanted || (wanted.endsWith('/*') && item.contentType.startsWith(wanted.slice(0, -1)))

/** Does a list with these filters show the item? As `GET /v1/files` decides it. */
export function matches(item, filters) {
  const created = Date.parse(item.createdAt)
  return (
    (filters.status ? item.status === filters.status : item.status !== 'expired') &&
    (!filters.kind || item.kind === filters.kind) &&
    (filters.tag ?? []).every((tag) => item.tags.includes(tag)) &&
    (!filters.owner || item.owner === filters.owner) &&
    (!filters.content_type || matchesType(item, filters.content_type)) &&
    (!filters.created_after || created >= Date.parse(filters.created_after)) &&
    (!filters.created_before || created < Date.parse(filters.created_before))
  )
}

const text = (one, other) => (one < other ? -1 : one > other ? 1 : 0)
const ORDERS = {
  // Ids begin with the time of their creation.
  created: (one, other) => text(one.id, other.id),
  updated: (one, other) => text(one.updatedAt, other.updatedAt),
  size: (one, other) => (one.size ?? 0) - (other.size ?? 0),
  filename: (one, other) => text(one.filename.normalize('NFKC').toLowerCase(), other.filename.normalize('NFKC').toLowerCase()),
}

/** Compares two items in the order of `sort`, such as `-created`. */
export function order(sort) {
  const [name, sign] = sort.startsWith('-') ? [sort.slice(1), -1] : [sort, 1]
  const compare = ORDERS[name] ?? ORDERS.created
  return (one, other) => sign * (compare(one, other) || text(one.id, other.id))
}
