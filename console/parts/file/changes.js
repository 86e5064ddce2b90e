import { useEffect, useRef } from '../../vendor/preact.js'

const PERIOD = 15_000 // milliseconds

/** Calls `changed` now and then while somebody looks at the page, so that it shows what others change. */
export function useChanges(id, changed) {
  const latest = useRef(changed)
  latest.current = changed
  useEffect(() => {
    const look = () => document.visibilityState === 'visible' && latest.current()
    const timer = setInterval(look, PERIOD)
    return () => clearInterval(timer)
  }, [id])
}
