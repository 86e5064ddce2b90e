// Actions on a whole file. Each says how it went.
import { api } from '../../lib/api.js'
import { download as original } from '../../lib/changes.js'
import { toast } from '../../lib/ui.js'

const complain = (problem) => toast(problem.detail, { danger: true })

/** Has the browser save the original under its name. */
export async function download(file) {
  try {
    await original(file.id)
  } catch (problem) {
    complain(problem)
  }
}

/** Changes one thing on top of the record that is shown. Another's change in between is shown first. */
export async function change(file, body, said) {
  try {
    file.put(await api.request('PATCH', `/v1/files/${file.id}`, { body, ifMatch: file.etag }))
    toast(said)
  } catch (problem) {
    if (problem.status === 412) {
      await file.reload()
      toast('Somebody changed this file meanwhile. Look at it again, then repeat this.', { danger: true })
    } else complain(problem)
  }
}

export async function hold(file, held) {
  try {
    await (held ? api.put(`/v1/files/${file.id}/hold`) : api.delete(`/v1/files/${file.id}/hold`))
    await file.reload()
    toast(held ? 'The file is under legal hold' : 'The file is released')
  } catch (problem) {
    complain(problem)
  }
}
