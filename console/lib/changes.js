import { api } from './api.js'

const TRIES = 4

/** Adds and removes tags of a file, whatever others do to it at the same time. Returns the new record. Throws Problem. */
export async function changeTags(id, { add = [], remove = [] }) {
  for (let tried = 1; ; tried += 1) {
    const { data, etag } = await api.request('GET', `/v1/files/${id}`, { params: { fields: 'tags' } })
    const tags = [...new Set([...data.tags.filter((tag) => !remove.includes(tag)), ...add])]
    if (tags.length === data.tags.length && tags.every((tag) => data.tags.includes(tag))) return data
    try {
      return await api.patch(`/v1/files/${id}`, { tags }, { ifMatch: etag })
    } catch (problem) {
      if (problem.status !== 412 || tried === TRIES) throw problem
    }
  }
}

export const setVisibility = (id, visibility) => api.patch(`/v1/files/${id}`, { visibility })

/** Has the browser save a file's original under its own name. Throws Problem. */
export async function download(id) {
  const { url } = await api.get(`/v1/files/${id}/original`, { redirect: 'false', disposition: 'attachment' })
  const link = document.createElement('a')
  link.href = url
  link.rel = 'noopener'
  link.download = ''
  document.body.append(link)
  link.click()
  link.remove()
}
