import { useEffect, useRef, useState } from '../vendor/preact.js'
import { api } from './api.js'

// A page of the API may be empty although more follow. So many in a row are asked for before a person is asked.
const EMPTY_PAGES = 20

const NOTHING = { items: [], cursor: null, loading: true, problem: null, more: false }

/**
 * A list of the API, page by page: `{items, loading, problem, more, next, reload, change}`. `more` is true if another page
 * follows, which `next()` loads; `change(items => items)` changes what is shown until it is loaded again.
 */
export function useList(path, params = {}) {
  const key = JSON.stringify([path, params])
  const [state, setState] = useState(NOTHING)
  const turn = useRef(0)

  async function load(before) {
    const mine = (turn.current += 1)
    setState((old) => ({ ...(before ? old : { ...NOTHING, items: old.key === key ? old.items : [] }), key, loading: true, problem: null }))
    try {
      let [items, cursor] = [[], before?.cursor ?? null]
      for (let pages = 0; pages < EMPTY_PAGES; pages += 1) {
        const page = await api.get(path, { ...params, cursor })
        items = page.items
        cursor = page.next_cursor ?? null
        if (items.length || !cursor) break
      }
      if (mine !== turn.current) return
      setState({ key, items: [...(before?.items ?? []), ...items], cursor, loading: false, problem: null, more: Boolean(cursor) })
    } catch (problem) {
      if (mine === turn.current) setState((old) => ({ ...old, loading: false, problem }))
    }
  }

  useEffect(() => {
    load(null)
    return () => (turn.current += 1)
  }, [key])

  return {
    ...state,
    next: () => load(state),
    reload: () => load(null),
    change: (edit) => setState((old) => ({ ...old, items: edit(old.items) })),
  }
}
