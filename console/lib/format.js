const UNITS = ['bytes', 'KB', 'MB', 'GB', 'TB', 'PB']
const numbers = new Intl.NumberFormat(undefined)
const precise = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 })
const days = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' })
const moments = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' })

export const count = (value) => numbers.format(value)

/** `count(1, "file")`-like words: "1 file", "2 files", "1,000 files". */
export const plural = (value, one, many = `${one}s`) => `${count(value)} ${value === 1 ? one : many}`

/** Bytes in decimal units: 1,200,000 is "1.2 MB". */
export function bytes(value) {
  if (value == null) return '–'
  let [size, unit] = [value, 0]
  for (; size >= 999.5 && unit < UNITS.length - 1; unit += 1) size /= 1000
  if (unit === 0) return value === 1 ? '1 byte' : `${count(value)} bytes`
  return `${size < 99.5 ? precise.format(size) : count(Math.round(size))} ${UNITS[unit]}`
}

/** Seconds as a clock shows them: 75 is "1:15", 3,700 is "1:01:40". */
export function clock(seconds) {
  const whole = Math.round(seconds)
  const parts = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60]
  const shown = parts[0] ? parts : parts.slice(1)
  return shown.map((part, index) => (index ? String(part).padStart(2, '0') : String(part))).join(':')
}

/** Seconds that are left, for a person: "12 s", "3 min", "2 h". */
export function remaining(seconds) {
  if (!Number.isFinite(seconds)) return ''
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`
  return `${precise.format(seconds / 3600)} h`
}

export const day = (time) => days.format(new Date(time))
export const moment = (time) => moments.format(new Date(time))

/** "3 minutes ago", up to a week; then the day. */
export function ago(time, now = Date.now()) {
  const seconds = (new Date(time) - now) / 1000
  const steps = [
    [60, 1, 'second'],
    [3600, 60, 'minute'],
    [86_400, 3600, 'hour'],
    [7 * 86_400, 86_400, 'day'],
  ]
  const step = steps.find(([end]) => Math.abs(seconds) < end)
  if (!step) return day(time)
  if (step[2] === 'second' && Math.abs(seconds) < 45) return 'just now'
  return relative.format(Math.round(seconds / step[1]), step[2])
}

export const KINDS = {
  image: 'Images',
  video: 'Videos',
  audio: 'Sounds',
  pdf: 'PDFs',
  document: 'Documents',
  spreadsheet: 'Spreadsheets',
  presentation: 'Presentations',
  text: 'Texts',
  archive: 'Archives',
  email: 'E-mails',
  font: 'Fonts',
  other: 'Other files',
}

export const STATUSES = {
  ready: 'Ready',
  processing: 'Processing',
  awaiting_upload: 'Waiting for upload',
  failed: 'Failed',
  expired: 'Upload expired',
}

/** "PNG", "PDF", "MP4": the end of a name, for a tile without a picture; at most five characters. */
export function extension(filename) {
  const end = /\.([\p{L}\p{N}]{1,5})$/u.exec(filename ?? '')
  return end ? end[1].toUpperCase() : ''
}
