import { useEffect, useState } from '../../vendor/preact.js'
import { api } from '../../lib/api.js'
import { listOf } from '../../lib/came_from.js'

const READ = { fields: 'id,created_at' }

/** The ids before and after this file: those of the list that somebody came from, else by the time of creation. */
export function useNeighbours(record) {
  const [found, setFound] = useState({ before: null, after: null })
  const id = record?.id
  useEffect(() => {
    if (!id) return undefined
    const list = listOf(id)
    if (list) {
      const at = list.ids.indexOf(id)
      setFound({ before: list.ids[at - 1] ?? null, after: list.ids[at + 1] ?? null })
      return undefined
    }
    const stop = new AbortController()
    byCreation(record, stop.signal).then(setFound, () => {}) // without neighbours there are no buttons
    return () => stop.abort()
  }, [id])
  return found
}

/** Files are shown the newest first: the one before is newer. Ids grow with time, which decides within a millisecond. */
async function byCreation(record, signal) {
  const at = record.created_at
  const [newer, older] = await Promise.all([
    api.get('/v1/files', { ...READ, sort: 'created', created_after: at, limit: 2 }, { signal }),
    api.get('/v1/files', { ...READ, created_before: at, limit: 1 }, { signal }),
  ])
  return { before: newer.items.find((each) => each.id !== record.id)?.id ?? null, after: older.items[0]?.id ?? null }
}
