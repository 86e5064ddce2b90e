// A browser may forbid storage altogether. The page then works until it is closed, and remembers nothing.

function safe(kind) {
  const memory = new Map()
  const real = () => {
    try {
      return window[kind]
    } catch {
      return null
    }
  }
  return {
    get(name) {
      try {
        return JSON.parse(real()?.getItem(`filemill.${name}`) ?? 'null') ?? memory.get(name) ?? null
      } catch {
        return memory.get(name) ?? null
      }
    },
    /** Keeps a JSON value; null or undefined removes it. */
    set(name, value) {
      memory.delete(name)
      try {
        if (value == null) real()?.removeItem(`filemill.${name}`)
        else real()?.setItem(`filemill.${name}`, JSON.stringify(value))
      } catch {
        if (value != null) memory.set(name, value)
      }
    },
  }
}

/** For this tab, until it is closed: the credential. */
export const tab = safe('sessionStorage')
/** For this browser: the theme, and uploads that were not finished. */
export const kept = safe('localStorage')
