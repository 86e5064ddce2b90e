import { api } from './api.js'
import { connect, filemill, Problem } from './filemill.js'
import * as oidc from './oidc.js'
import { kept, tab } from './storage.js'
import { createStore, useStore } from './store.js'

// `credential` is text: an API key, an upload token or a sign-in token. `tokens` are the issuer's answer, which can be
// renewed. Both stay in this tab and end with it.
const state = createStore({ me: null, reason: null, checking: false, unreachable: null })
let credential = tab.get('credential')
let tokens = tab.get('tokens')
let former = null // who was signed in on this page until the credential ended

const PRINTABLE = /^[\x21-\x7e]{1,8192}$/
const NO_KEY = new Problem(
  'no_key',
  'This is no key: a key has letters, digits, hyphens and underscores only, and no blanks.',
  { status: 401 },
)
const OPERATOR = new Problem(
  'operator',
  'This is an operator’s key. It manages tenants and opens no files; sign in with a tenant’s key.',
  { status: 403 },
)

/** A name for somebody, under which uploads wait. Keys that see all files of a tenant are one, others are alone. */
function nameOf({ tenant, type, id, scopes }) {
  return type === 'key' && scopes.includes('files:read') ? `${tenant} key` : `${tenant} ${type} ${id}`
}

function keep(newCredential, newTokens) {
  credential = newCredential
  tokens = newTokens
  tab.set('credential', credential)
  tab.set('tokens', tokens)
}

/** The credential for a request. A sign-in token that is about to end, or that was refused, is renewed first. */
async function current(refused = false) {
  if (tokens && (refused ? tokens.refresh_token : oidc.isEnding(tokens))) {
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
  former = session.name
  keep(null, null)
  state.set({ me: null, reason: endSentence(problem), checking: false, unreachable: null })
}

function endSentence(problem) {
  if (problem.code === 'key_expired') return 'Your key has expired. Sign in with another one; your uploads wait here.'
  if (problem.code === 'token_expired') return 'Your sign-in has ended. Sign in again; your uploads wait here.'
  return 'Your key is no longer valid. Sign in again; your uploads wait here.'
}

connect({ credential: current, ended })

/**
 * Forgets all uploads that this browser could go on with: their names must not be read by whoever comes next. It does not
 * know whose they are.
 */
function forgetUploads() {
  kept.set('interrupted', null)
  filemill.forget()
}

/** Somebody is signed in. Another person begins with a page of their own, in which nothing of the former one is left. */
function begin(me) {
  const another = former && former !== nameOf(me)
  if (another) {
    forgetUploads()
    location.reload()
  } else state.set({ me, reason: null, checking: false, unreachable: null })
}

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
  /** A name for whoever is signed in, other than anybody else's; null while nobody is. */
  get name() {
    return state.get().me && nameOf(state.get().me)
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
    begin(me)
  },

  /** Signs in with the tokens of an issuer: the access token, or else the ID token, whichever the stage takes. */
  async signInWith(given) {
    let refusal
    for (const use of ['access_token', 'id_token']) {
      if (!given[use]) continue
      try {
        const me = await check(given[use])
        keep(given[use], { ...given, use })
        begin(me)
        return
      } catch (problem) {
        if (problem.status !== 401) throw problem
        refusal = problem
      }
    }
    throw refusal ?? new Problem('no_token', 'The issuer gave no token.')
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

  /** Nothing is left: what is stored is removed, and all that the page has in its memory ends with it. */
  signOut() {
    keep(null, null)
    tab.set('sign-in', null)
    forgetUploads()
    for (const end of tab.get('cookies') ?? []) document.cookie = end
    tab.set('cookies', null)
    // A route may have words that were searched for.
    history.replaceState(null, '', location.pathname)
    location.reload()
  },
}

/** `{me, reason, checking, unreachable}`, followed by the component. */
export const useSession = () => useStore(state)
