import { FilemillError } from './errors.js'

/** Bytes of a file; an error that a person understands if they can't be read any more. */
export async function bytes(file, start, end) {
  try {
    return new Uint8Array(await file.slice(start, end).arrayBuffer())
  } catch (cause) {
    const detail = `“${file.name ?? 'The file'}” can't be read any more. It was moved, changed or deleted: choose it again.`
    throw new FilemillError('file_unreadable', detail, { cause })
  }
}


export const hex = (array) => Array.from(array, (byte) => byte.toString(16).padStart(2, '0')).join('')
