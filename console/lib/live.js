import { filemill } from './filemill.js'
import { session } from './session.js'
import { createStore } from './store.js'

/** `off`, `connecting`, `live` (the socket) or `polling` (the feed). */
export const liveState = createStore('off')

const listeners = new Set()
let follower = null
let tenant = null

/**
 * Calls `onChange({id, record})` for each change of a file, with `record` null for a deleted one, and `onGap()` when
 * changes may have been missed. Returns a function that ends this.
 */
export function listen({ onChange, onGap = () => {} }) {
  const listener = { onChange, onGap }
  listeners.add(listener)
  return () => listeners.delete(listener)
}

const tell = (name, ...args) => {
  for (const listener of [...listeners]) listener[name](...args)
}

function changed(event) {
  const record = event.data?.file
  const deleted = event.type?.endsWith('.deleted') || !record?.filename
  tell('onChange', { id: event.subject, record: deleted ? null : record })
}

function follow() {
  let was = null
  follower = filemill.follow({
    onEvent: changed,
    onReset: () => tell('onGap'),
    onState(state, error) {
      liveState.set(state === 'ended' ? 'off' : state)
      // Nobody told the changes between the first page and this moment.
      if (state !== was && (state === 'live' || (state === 'polling' && was !== 'live'))) tell('onGap')
      was = state
      if (state === 'ended' && error?.status === 401) session.refused(error)
    },
  })
}

function followSession({ me }) {
  const wanted = me && session.reads ? me.tenant : null
  if (wanted === tenant) return
  tenant = wanted
  follower?.close?.()
  follower = null
  liveState.set('off')
  if (wanted) follow()
}

session.state.subscribe(followSession)
// This module may be loaded when somebody is signed in already.
followSession(session.state.get())
