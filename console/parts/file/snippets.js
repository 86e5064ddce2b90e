// Code to copy, for this very file. Pure: from a record and the front door's address.
import { widths } from './addresses.js'

/** A text as one word of a shell. */
export const shell = (text) => `'${text.replaceAll("'", `'\\''`)}'`
/** A text as a string of JavaScript, and of Python, which takes JSON's. */
export const quoted = (text) => JSON.stringify(text)

/** A name under which a command may save a file: without folders, and no option of the command. */
const target = (record) => {
  const name = (record.filename ?? record.id).replace(/[\\/\u0000-\u001f\u007f]/gu, '_')
  return name.startsWith('-') ? `./${name}` : name
}

/** The name of a picture of medium size; null for a file without pictures. */
function pictureName(record) {
  const all = widths(record)
  const width = all.findLast((each) => each <= 640) ?? all[0]
  return width && record.delivery?.srcset?.webp ? `w${width}.webp` : null
}

const ends = 'The signatures in it end. Your server asks for fresh ones each time it makes the page.'

/** {id, label, code, note}; `id` is the language. Pictures and films come first where the file has them. */
export function snippets(record, url) {
  const isPrivate = record.visibility !== 'public'
  const delivery = record.delivery ?? {}
  const found = []
  if (delivery.video || delivery.audio) {
    const name = delivery.video ? '<video>' : '<audio>'
    const script = delivery.hls ? `\n<script src="hls.min.js"></script>\n<script>\n${delivery.hls.trim()}\n</script>` : ''
    found.push({
      id: 'media',
      label: name,
      code: `${(delivery.video ?? delivery.audio).trim()}${script}\n`,
      note: `Take hls.min.js from the npm package hls.js.${isPrivate ? ` ${ends}` : ''}`,
    })
  }
  if (delivery.picture) {
    found.push({ id: 'picture', label: '<picture>', code: `${delivery.picture.trim()}\n`, note: isPrivate ? ends : 'It may be stored: these addresses never change.' })
  }
  found.push({ id: 'curl', label: 'curl', ...curl(record, url) })
  found.push({ id: 'python', label: 'Python', ...python(record, url, isPrivate) })
  found.push({ id: 'javascript', label: 'JavaScript', ...javascript(record, url, isPrivate) })
  return found
}

function curl(record, url) {
  const key = '-H "Authorization: Bearer $FILEMILL_KEY"'
  const path = `${url}/v1/files/${record.id}`
  return {
    code: `# the record
curl -sS ${shell(path)} ${key}

# the original
curl -sSL ${shell(`${path}/original`)} ${key} -o ${shell(target(record))}
`,
    note: 'Put a key with files:read into FILEMILL_KEY.',
  }
}

function python(record, url, isPrivate) {
  const picture = pictureName(record)
  const access = isPrivate && picture
    ? `
# addresses for a viewer, good for an hour
grant = client.files.grant(${quoted(record.id)}, expires_in=3600)
print(grant.base_url + "${picture}?" + grant.query)
`
    : ''
  return {
    code: `from filemill import Filemill

client = Filemill(${quoted(url)})  # the key comes from FILEMILL_KEY
file = client.files.get(${quoted(record.id)})
client.files.download(file.id, to=${quoted(target(record))})
${access}`,
    note: 'pip install filemill',
  }
}

function javascript(record, url, isPrivate) {
  const picture = pictureName(record)
  const read = `import { Filemill } from ${quoted(`${url}/filemill.js`)}

// A browser never gets a key: let your server make an upload token or hand on a user's sign-in token.
const filemill = new Filemill({ url: ${quoted(url)}, credential })
const file = await filemill.request('GET', ${quoted(`/v1/files/${record.id}?include=delivery`)})
`
  const grant = `
// addresses for a viewer, good for an hour
const grant = await filemill.request('POST', ${quoted(`/v1/files/${record.id}/grant`)}, { body: { expires_in: 3600 } })
image.src = \`\${grant.base_url}${picture}?\${grant.query}\`
`
  const open = `
image.src = \`\${file.delivery.base_url}${picture}\`
`
  return { code: read + (picture ? (isPrivate ? grant : open) : ''), note: 'filemill.js comes from your front door; it needs no build step.' }
}
