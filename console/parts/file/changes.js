import { useEffect, useRef } from '../../vendor/preact.js'
import { listen } from '../../lib/live.js'

/** Calls `changed` when an event tells of a newer revision of this file, or of its end; and when events were missed. */
export function useChanges(id, revision, changed) {
  const latest = useRef()
  latest.current = { revision, changed }
  useEffect(
    () =>
      listen({
        onChange(change) {
          if (change.id !== id) return
          if (!change.record || change.record.revision > latest.current.revision) latest.current.changed()
        },
        onGap: () => latest.current.changed(),
      }),
    [id],
  )
}
