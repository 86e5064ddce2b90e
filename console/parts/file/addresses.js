// The addresses of a record's renditions. A private file's addresses carry a signature that ends.

/** The address of `name` (such as `p12-w640.webp`) beside the record's renditions; null while there are none. */
export function addressOf(record, name) {
  const delivery = record.delivery
  if (!delivery?.base_url) return null
  return `${delivery.base_url}${name}${delivery.query ? `?${delivery.query}` : ''}`
}

/** The rendition with this name, and this format if there are several; null if there is none. */
export const rendition = (record, name, format = null) =>
  record.renditions?.find((each) => each.name === name && (!format || each.format === format)) ?? null

const WIDTH = /^w(\d+)$/

/** The widths that pictures of this record have, from small to large. */
export function widths(record) {
  const found = (record.renditions ?? []).map((each) => WIDTH.exec(each.name)?.[1]).filter(Boolean)
  return [...new Set(found.map(Number))].sort((a, b) => a - b)
}

/** The smallest width that fills `wanted` device pixels; the largest if none does; null without pictures. */
export function widthFor(record, wanted) {
  const all = widths(record)
  return all.find((width) => width >= wanted) ?? all.at(-1) ?? null
}

/** A picture of the record that is about `wanted` device pixels wide; null if there is none. */
export function pictureOf(record, wanted) {
  const width = widthFor(record, wanted)
  if (width == null) return null
  const found = rendition(record, `w${width}`, 'webp') ?? rendition(record, `w${width}`)
  return found?.url ?? null
}

/** Milliseconds until the record's signatures end, less a minute; null for public files. */
export function lifetime(record, now = Date.now()) {
  const end = record?.delivery?.expires_at
  return end ? Math.max(0, new Date(end) - now - 60_000) : null
}
