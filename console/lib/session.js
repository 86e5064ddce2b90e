import { api, connect, Problem } from './api.js'
import * as oidc from './oidc.js'
import { tab } from './storage.js'
import { createStore, useStore } from './store.js'

// `credential` is text: an API key, an upload token or a sign-in token. `tokens` are the issuer's answer, which can be
// renewed. Both stay in this tab and end with it.
const state = createStore({ me: null, reason: null, checking: false, unreachable: null })
let credential = tab.get('credential')
let tokens = tab.get('tokens')

const PRINTABLE = /^[\x21-\x7e]{1,8192}$/
const NO_KEY = new Problem({
  status: 401,
  code: 'no_key',
  detail: 'This is no key: a key has letters, digits, hyphens and underscores only, and no blanks.',
})
const OPERATOR = new Problem({
  status: 403,
  code: 'operator',
  detail: 'This is an operator’s key. It manages tenants and opens no files; sign in with a tenant’s key.',
})

function keep(newCredential, newTokens) {
  credential = newCredential
  tokens = newTokens
  tab.set('credential', credential)
  tab.set('tokens', tokens)
}

/** The credential for a request. A sign-in token that is about to end is renewed first. */
async function current() {
  if (tokens && oidc.isEnding(tokens)) {
    const before = tokens
    const renewed = await oidc.renew(before).catch(() => null)
    // Meanwhile somebody may have signed out, or in as another person.
    if (renewed && tokens === before) keep(renewed[before.use], { ...renewed, use: before.use })
  }
  return credential
}

/** A credential was refused: the sign-in view says why, and the route stays. */
function ended(problem) {
  if (!state.get().me) return
  keep(null, null)
  state.set({ me: null, reason: endSentence(problem), checking: false, unreachable: null })
}

function endSentence(problem) {
  if (problem.code === 'key_expired') return 'Your key has expired. Sign in with another one; your uploads wait here.'
  if (problem.code === 'token_expired') return 'Your sign-in has ended. Sign in again; your uploads wait here.'
  return 'Your key is no longer valid. Sign in again; your uploads wait here.'
}

connect({ credential: current, ended })

async function check(given) {
  if (!PRINTABLE.test(given)) throw NO_KEY
  const me = await api.get('/v1/me', {}, { credential: given })
  if (me.type === 'operator') throw OPERATOR
  return me
}

export const session = {
  state,
  /** The bearer credential of this moment, as text or null; for requests use `token()`, which renews it. */
  get credential() {
    return credential
  },
  token: current,
  get me() {
    return state.get().me
  },
  get tenant() {
    return state.get().me?.tenant ?? null
  },
  has(scope) {
    return Boolean(state.get().me?.scopes.includes(scope))
  },
  /** May this person see files at all, or only its own ones? */
  get reads() {
    return session.has('files:read') || session.has('files:own')
  },
  get writes() {
    return session.has('files:write') || session.has('files:own')
  },

  /** Signs in with a key or token. Throws Problem if it is refused. */
  async signIn(given) {
    const me = await check(given.trim())
    keep(given.trim(), null)
    state.set({ me, reason: null, checking: false, unreachable: null })
  },

  /** Signs in with the tokens of an issuer: the access token, or else the ID token, whichever the stage takes. */
  async signInWith(given) {
    let refusal
    for (const use of ['access_token', 'id_token']) {
      if (!given[use]) continue
      try {
        const me = await check(given[use])
        keep(given[use], { ...given, use })
        state.set({ me, reason: null, checking: false, unreachable: null })
        return
      } catch (problem) {
        if (problem.status !== 401) throw problem
        refusal = problem
      }
    }
    throw refusal ?? new Problem({ detail: 'The issuer gave no token.' })
  },

  /** Signs in again with what this tab remembers. A stage that can't be reached keeps the credential. */
  async resume() {
    if (!credential) return
    state.set((old) => ({ ...old, checking: true, unreachable: null }))
    try {
      const me = await check(await current())
      state.set({ me, reason: null, checking: false, unreachable: null })
    } catch (problem) {
      const refused = [401, 403].includes(problem.status)
      if (refused) keep(null, null)
      const reason = refused ? (problem.status === 401 ? endSentence(problem) : problem.detail) : null
      state.set({ me: null, reason, checking: false, unreachable: refused ? null : problem })
    }
  },

  /** Another module's request was refused with 401. */
  refused: ended,

  signOut() {
    keep(null, null)
    state.set({ me: null, reason: null, checking: false, unreachable: null })
  },
}

/** `{me, reason, checking, unreachable}`, followed by the component. */
export const useSession = () => useStore(state)
