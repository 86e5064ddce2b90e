import { html } from '../vendor/preact.js'
import { liveState } from '../lib/live.js'
import { useStore } from '../lib/store.js'

const TEXTS = {
  connecting: ['Connecting', 'Changes are not shown at the moment: the connection is being made.'],
  live: ['Live', 'Changes are shown as they happen.'],
  polling: ['Live, a little later', 'The socket can’t be reached, so changes are asked for every few seconds.'],
}

/** How the page hears of changes, said quietly. */
export function LiveState() {
  const state = useStore(liveState)
  if (!TEXTS[state]) return null
  const [text, title] = TEXTS[state]
  return html`<p class=${`live-state ${state}`} title=${title}><span class="dot" aria-hidden="true" /> <span>${text}</span></p>`
}
