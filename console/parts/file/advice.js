// Advice about a file's error or warning. docs/errors.md and docs/kinds.md have the same, at length.

/** By `error.code`: {title, todo}. `retry` offers to process the file again. */
const ERRORS = {
  type_mismatch: {
    title: 'The bytes are of another type',
    todo: 'Upload the file again with the right type, or without one: the bytes decide then.',
  },
  unsupported_type: {
    title: 'This sort of file isn’t read',
    todo: 'Save it as the message says, and upload that. Or process it again with the recipe “original-only”, which makes nothing and keeps the file.',
    retry: true,
  },
  corrupt: { title: 'The file is damaged', todo: 'Check whether it opens on your computer, then upload it again.' },
  empty: { title: 'The file is empty', todo: 'It has zero bytes. Upload it again; maybe it was not saved yet.' },
  too_large: { title: 'The file is too large', todo: 'Upload a smaller file, such as a JPEG instead of a raw picture.' },
  too_many_pixels: { title: 'The picture has too many pixels', todo: 'Make it smaller, and upload that.' },
  checksum_mismatch: { title: 'The bytes changed on the way', todo: 'Their hash is not the declared one. Upload it again.' },
  size_mismatch: { title: 'The size is not the declared one', todo: 'The file changed while it was sent. Upload it again.' },
  infected: { title: 'Malware was found', todo: 'Nobody can download this file. Delete it.' },
  unscannable: {
    title: 'It could not be scanned for malware',
    todo: 'Files with a password, and very large ones, can’t be scanned. Ask whoever runs this stage.',
  },
  source_refused: { title: 'The address may not be fetched', todo: 'Give a public address of a file that exists.' },
  source_unreachable: { title: 'The file could not be fetched', todo: 'The message says why. Try again later.' },
  internal: {
    title: 'Processing failed',
    todo: 'The file is not at fault. Process it again; if it fails again, tell whoever runs this stage the file’s id.',
    retry: true,
  },
}

export const adviceOf = (error) =>
  ERRORS[error.code] ?? { title: 'The file could not be processed', todo: 'The message says why.', retry: true }

/** By `warnings[].code`: what helps. */
const WARNINGS = {
  no_stream: 'To play it here, save it as MP4 (H.264 and AAC), and upload that.',
  not_read: 'Save it in another format, such as MP4 for a film, and upload that.',
  not_decoded: 'The original can be downloaded. For a picture of it, save it as MP4 with H.264.',
  no_media: 'This stage runs without FFmpeg. Whoever runs it can turn it on (FILEMILL_MEDIA).',
  too_costly_to_read: 'The original can be downloaded. A simpler or smaller file can be read.',
  too_large_to_read: 'The original can be downloaded. A smaller file is read whole.',
  no_preview: 'The original can be downloaded.',
  text_cut: 'The original has the whole text.',
  entries_cut: 'Download the original to see everything in it.',
  not_listed: 'Download the original to see what is in it. A zip archive would be listed here.',
  encrypted: 'Only somebody with its password can read it.',
  not_hashed: 'S3 keeps a checksum of its own.',
  letters_missing: 'In the SVG, turn texts into paths, and upload that.',
  not_cleaned: 'Simplify the SVG, or save it as PNG, and upload that.',
  measured_in_part: 'The waveform is that of samples of the sound.',
}

export const todoOf = (warning) => WARNINGS[warning.code] ?? null
