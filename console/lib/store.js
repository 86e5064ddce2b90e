import { useEffect, useState } from '../vendor/preact.js'

/** A value that views follow. `get()`, `set(value)` or `set(old => value)`, and `subscribe(callback)` → unsubscribe. */
export function createStore(value) {
  const listeners = new Set()
  return {
    get: () => value,
    set(next) {
      const changed = typeof next === 'function' ? next(value) : next
      if (changed === value) return
      value = changed
      for (const listener of [...listeners]) listener(value)
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

/** The store's value; the component is drawn again when it changes. */
export function useStore(store) {
  const [value, setValue] = useState(() => store.get())
  useEffect(() => {
    setValue(() => store.get())
    return store.subscribe((next) => setValue(() => next))
  }, [store])
  return value
}
