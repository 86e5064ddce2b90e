// A record's facts as rows of [label, value]; values are texts. Rows without a value are left out.
import * as format from '../../lib/format.js'
import { folderIn } from '../../lib/records.js'

const yes = (value, text = 'Yes') => (value ? text : null)
const size = (of) => (of?.width ? `${format.count(of.width)} × ${format.count(of.height)}` : null)
const rate = (bits) => (bits ? `${format.count(Math.round(bits / 1000))} kbit/s` : null)
const hertz = (value) => (value ? `${format.count(value / 1000)} kHz` : null)
const when = (time) => (time ? format.moment(time) : null)
const length = (seconds) => (seconds == null ? null : format.clock(seconds))
const joined = (list, of = (each) => each) => (list?.length ? list.map(of).filter(Boolean).join(', ') : null)
const upper = (text) => text?.toUpperCase() ?? null
const counted = (value) => (value == null ? null : format.count(value))
/** Zero of something that is only worth a row if there is any. */
const some = (value) => (value ? format.count(value) : null)

const KINDS = {
  image: (image) => [
    ['Dimensions', size(image) && `${size(image)} pixels`],
    ['Megapixels', image.megapixels == null ? null : String(image.megapixels)],
    ['Format', upper(image.format)],
    ['Colour space', image.color_space],
    ['Transparency', yes(image.has_alpha)],
    ['Frames', image.frames > 1 ? format.count(image.frames) : null],
    ['Caption', image.caption],
    ['Artist', image.artist],
    ['Copyright', image.copyright],
  ],
  video: (video) => [
    ['Length', length(video.duration)],
    ['Dimensions', size(video) && `${size(video)} pixels`],
    ['Title', video.title],
    ['Format', upper(video.format)],
    ['Picture', joined([video.codec, video.frame_rate && `${format.count(Number(video.frame_rate.toFixed?.(2) ?? video.frame_rate))} fps`])],
    ['Sound', joined(video.audio_tracks, soundOf)],
    ['Subtitles', joined(video.subtitles, (each) => each.title ?? each.language ?? each.codec)],
    ['Bit rate', rate(video.bit_rate)],
    ['HDR', video.hdr && upper(video.hdr)],
    ['Rotation', video.rotation ? `${video.rotation}°` : null],
    ['Recorded', when(video.created_at)],
  ],
  audio: (audio) => [
    ['Length', length(audio.duration)],
    ['Title', audio.title],
    ['Artist', audio.artist],
    ['Album', audio.album],
    ['Format', upper(audio.format)],
    ['Codec', audio.codec],
    ['Channels', counted(audio.channels)],
    ['Sample rate', hertz(audio.sample_rate)],
    ['Bit rate', rate(audio.bit_rate)],
    ['Loudness', audio.loudness?.integrated == null ? null : `${audio.loudness.integrated} LUFS`],
    ['True peak', audio.loudness?.true_peak == null ? null : `${audio.loudness.true_peak} dBTP`],
    ['Language', audio.language],
    ['Recorded', when(audio.created_at)],
  ],
  pdf: (pdf) => [
    ['Pages', counted(pdf.pages)],
    ['Page size', pdf.sizes?.[0] && `${millimetres(pdf.sizes[0][0])} × ${millimetres(pdf.sizes[0][1])} mm`],
    ['Title', pdf.title],
    ['Author', pdf.author],
    ['Written', when(pdf.created_at)],
    ['Changed', when(pdf.modified_at)],
    ['Needs a password', yes(pdf.encrypted)],
    ['Forms', yes(pdf.forms)],
    ['Signatures', pdf.signatures ? `${format.count(pdf.signatures)}, not verified` : null],
    ['Attachments', some(pdf.attachments)],
    ['Scripts', pdf.scripts ? `${format.count(pdf.scripts)}, never run here` : null],
  ],
  document: (document) => [...written(document), ['Pages', counted(document.pages)], ['Words', counted(document.words)]],
  presentation: (presentation) => [...written(presentation), ['Slides', counted(presentation.slides)]],
  spreadsheet: (spreadsheet) => [...written(spreadsheet), ['Sheets', counted(spreadsheet.sheet_count)]],
  text: (text) => [
    ['Format', text.format],
    ['Encoding', text.encoding],
    ['Lines', counted(text.lines)],
    ['Words', counted(text.words)],
    ['Language', text.language],
    ['Rows', counted(text.rows)],
    ['Columns', text.columns?.length ? counted(text.columns.length) : null],
    ['Delimiter', text.delimiter === '\t' ? 'tab' : text.delimiter],
  ],
  archive: (archive) => [
    ['Format', archive.format],
    ['Entries', counted(archive.entries)],
    ['Unpacked', archive.unpacked_size == null ? null : format.bytes(archive.unpacked_size)],
    ['Encrypted', yes(archive.encrypted)],
    ['Dangers', joined(archive.flags, (flag) => FLAGS[flag] ?? flag)],
  ],
  email: (email) => [
    ['Subject', email.subject],
    ['From', email.from],
    ['Date', when(email.date)],
    ['Attachments', counted(email.attachments)],
  ],
  font: (font) => [
    ['Family', font.family],
    ['Style', font.style],
    ['Format', upper(font.format)],
    ['Glyphs', counted(font.glyphs)],
    ['Scripts', joined(font.scripts, script)],
  ],
}

/** An archive's `flags`, for a person. */
export const FLAGS = {
  absolute: 'absolute paths',
  parent: 'paths that lead out (“..”)',
  controls: 'control characters in names',
  links: 'links',
  devices: 'devices',
  overlap: 'entries that share bytes',
  ratio: 'unpacks to very much',
  method: 'a rare compression',
}

const millimetres = (points) => Math.round((points / 72) * 25.4)

const soundOf = (track) =>
  [track.codec, track.channels && format.plural(track.channels, 'channel'), track.language].filter(Boolean).join(' ')

const written = (document) => [
  ['Title', document.title],
  ['Author', document.author],
  ['Format', upper(document.format)],
  ['Written', when(document.created_at)],
  ['Changed', when(document.modified_at)],
  ['Needs a password', yes(document.encrypted)],
]

function script(code) {
  try {
    return new Intl.DisplayNames(undefined, { type: 'script' }).of(code)
  } catch {
    return code
  }
}

const filled = (rows) => rows.filter(([, value]) => value != null && value !== '')

/** The facts of every file. */
export function general(record) {
  return filled([
    ['Name', record.filename],
    ['Folder', folderIn(record.metadata?.path)],
    ['Kind', KIND_NAMES[record.kind] ?? record.kind],
    ['Type', record.content_type],
    ['Size', record.size == null ? null : `${format.bytes(record.size)}${record.size < 1000 ? '' : ` (${format.count(record.size)} bytes)`}`],
    ['Added', when(record.created_at)],
    ['Changed', record.updated_at === record.created_at ? null : when(record.updated_at)],
    ['Recipe', record.recipe],
    ['Owner', record.owner],
    ['Fetched from', record.source_url],
    ['Deleted by itself', when(record.delete_at)],
    ['Malware scan', record.scan?.status],
  ])
}

export const KIND_NAMES = {
  image: 'Image',
  video: 'Video',
  audio: 'Sound',
  pdf: 'PDF',
  document: 'Document',
  spreadsheet: 'Spreadsheet',
  presentation: 'Presentation',
  text: 'Text',
  archive: 'Archive',
  email: 'E-mail',
  font: 'Font',
  other: 'Other',
}

/** The facts that only this kind of file has. */
export const ofKind = (record) => filled(record[record.kind] ? (KINDS[record.kind]?.(record[record.kind]) ?? []) : [])

// EXIF that photographers write in a form of their own: [label, how].
const EXIF = {
  iso: ['ISO', String],
  f_number: ['Aperture', (value) => `f/${value}`],
  exposure_time: ['Exposure', (value) => (value > 0 && value < 0.5 ? `1/${Math.round(1 / value)} s` : `${value} s`)],
  exposure_bias: ['Exposure bias', (value) => `${value} EV`],
  focal_length: ['Focal length', (value) => `${value} mm`],
  lens_model: ['Lens', String],
  taken_at: ['Taken', (value) => String(value).replace('T', ' ')],
}

/** EXIF, tags of a film or sound: whatever a program has written into the file. Nested values become JSON. */
export function embedded(record) {
  const given = record.image?.exif ?? record.video?.tags ?? record.audio?.tags ?? {}
  return filled(
    Object.entries(given ?? {}).map(([name, value]) => {
      const [label, how] = (Object.hasOwn(EXIF, name) && EXIF[name]) || [title(name), text]
      return [label, value === null || typeof value === 'object' ? text(value) : how(value)]
    }),
  )
}

export const text = (value) => (value === null || typeof value === 'object' ? JSON.stringify(value) : String(value))

function title(name) {
  const words = name.replaceAll('_', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}
