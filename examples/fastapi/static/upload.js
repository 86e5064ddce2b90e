// Sends the chosen pictures straight to Filemill, and shows each one when this server has heard that it is ready.

const { filemill: url, csrf = '' } = document.body.dataset
const { Filemill } = await import(`${url}/filemill.js`)
const uploads = document.querySelector('#uploads')
const pictures = document.querySelector('#pictures')

let token = null // one for all uploads of this page; another one when Filemill does not take it any more

const filemill = new Filemill({
  url,
  credential: async ({ refresh }) => {
    if (!token || refresh) token = mint()
    return token
  },
})

async function mint() {
  try {
    const answer = await fetch('/upload-token', { method: 'POST', headers: { 'X-CSRFToken': csrf } })
    if (!answer.ok) throw new Error(`this server gives no upload token (${answer.status})`)
    return (await answer.json()).token
  } catch (error) {
    token = null
    throw error
  }
}

const input = document.querySelector('#files')
const sendChosen = () => {
  for (const file of input.files) send(file)
  input.value = ''
}
input.addEventListener('change', sendChosen)
sendChosen() // those that were chosen while this script was loading

async function send(file) {
  const line = uploads.appendChild(document.createElement('li'))
  const say = (text) => (line.textContent = `${file.name}: ${text}`)
  say('waiting')
  try {
    const onProgress = ({ sent, total }) => say(`${Math.floor((100 * sent) / total)} %`)
    const record = await filemill.upload(file, { onProgress }).ready
    say('ready')
    if (await show(record.id)) line.remove()
  } catch (error) {
    say(error.detail ?? error.message)
  }
}

/** Shows the user's pictures, once this one is among them: its webhook may come a moment later than the page knows. */
async function show(id) {
  for (let tries = 0; tries < 60; tries++) {
    pictures.innerHTML = await (await fetch('/pictures')).text()
    if (pictures.querySelector(`[data-file="${id}"]`)) return true
    await new Promise((next) => setTimeout(next, 500))
  }
  return false
}
