import { createStore } from './store.js'

/**
 * The chosen files of a list, by id. `anchor` is where a range begins. `mode` is true while a click chooses, in place of
 * opening.
 */
export function createSelection() {
  const state = createStore({ ids: new Set(), mode: false })
  let anchor = null
  const set = (ids, mode = state.get().mode) => state.set({ ids, mode: ids.size ? mode : false })
  return {
    state,
    has: (id) => state.get().ids.has(id),
    get size() {
      return state.get().ids.size
    },
    toggle(id) {
      const ids = new Set(state.get().ids)
      if (!ids.delete(id)) ids.add(id)
      anchor = id
      set(ids, true)
    },
    /** Chooses all from the anchor to this one, in the order of `items`. */
    extend(items, id) {
      const [from, to] = [items.findIndex((item) => item.id === anchor), items.findIndex((item) => item.id === id)]
      if (from < 0) {
        this.toggle(id)
        return
      }
      const range = items.slice(Math.min(from, to), Math.max(from, to) + 1)
      set(new Set([...state.get().ids, ...range.map((item) => item.id)]), true)
    },
    startAt(id) {
      anchor = id
    },
    all(items) {
      set(new Set(items.map((item) => item.id)), true)
    },
    drop(gone) {
      const ids = new Set(state.get().ids)
      const before = ids.size
      for (const id of gone) ids.delete(id)
      if (ids.size !== before) set(ids)
    },
    clear() {
      anchor = null
      state.set({ ids: new Set(), mode: false })
    },
    begin() {
      state.set({ ids: state.get().ids, mode: true })
    },
  }
}
