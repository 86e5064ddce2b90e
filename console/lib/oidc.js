// OpenID Connect's code flow with PKCE (RFC 7636). The console is a public client, so there is no secret.
import { config } from './config.js'
import { Problem } from './filemill.js'
import { tab } from './storage.js'

const EARLY = 60_000 // milliseconds before its end at which a token is renewed

const base64url = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')

const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)))
const redirect = () => `${location.origin}/`

/** Leads to the issuer's page. `provider` is an entry of the configuration's `sign_in`. */
export async function begin(provider) {
  const [verifier, state, nonce] = [random(), random(), random()]
  const challenge = base64url(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier)))
  tab.set('sign-in', { verifier, state, nonce, issuer: provider.issuer, hash: location.hash })
  const address = new URL(provider.authorize)
  for (const [name, value] of Object.entries({
    ...provider.parameters,
    response_type: 'code',
    client_id: provider.client_id,
    redirect_uri: redirect(),
    scope: provider.scope || 'openid',
    state,
    nonce,
    code_challenge: challenge,
    code_challenge_method: 'S256',
  }))
    address.searchParams.set(name, value)
  location.assign(address)
}

/**
 * Ends what `begin` began, if this page was opened by the issuer. Returns the tokens, or null if it was not. The
 * address bar has no code any more afterwards, and the route from before. Throws Problem.
 */
export async function finish() {
  const given = new URLSearchParams(location.search)
  const begun = tab.get('sign-in')
  if (!given.has('state') || !(given.has('code') || given.has('error'))) return null
  tab.set('sign-in', null)
  history.replaceState(null, '', `${location.pathname}${begun?.hash || '#/'}`)
  if (!begun || begun.state !== given.get('state')) {
    throw refused('This sign-in was not begun in this tab, or it was repeated. Sign in once more.')
  }
  // Another issuer's answer, in which a code would be led to this one (RFC 9207).
  if (given.has('iss') && given.get('iss') !== begun.issuer) {
    throw refused('The answer is that of another issuer. Sign in once more.')
  }
  if (given.has('error')) {
    throw refused(`The sign-in was refused: ${given.get('error_description') || given.get('error')}.`)
  }
  const provider = config.sign_in.find((each) => each.issuer === begun.issuer)
  if (!provider) throw refused('The stage no longer knows this issuer.')
  const tokens = await ask(provider, {
    grant_type: 'authorization_code',
    code: given.get('code'),
    redirect_uri: redirect(),
    code_verifier: begun.verifier,
  })
  if (tokens.id_token && claims(tokens.id_token).nonce !== begun.nonce) {
    throw refused('The issuer’s answer belongs to another sign-in. Sign in once more.')
  }
  return tokens
}

/** Is the token about to end, and can it be renewed? */
export const isEnding = (tokens) => Boolean(tokens.refresh_token) && Date.now() > tokens.ends_at - EARLY

let renewing = null

/** New tokens for the refresh token. Requests at the same moment share one renewal, because it may be good only once. */
export function renew(tokens) {
  renewing ??= (async () => {
    const provider = config.sign_in.find((each) => each.issuer === tokens.issuer)
    if (!provider) throw refused('The stage no longer knows this issuer.')
    const renewed = await ask(provider, { grant_type: 'refresh_token', refresh_token: tokens.refresh_token })
    return { ...tokens, ...renewed }
  })().finally(() => (renewing = null))
  return renewing
}

async function ask(provider, fields) {
  let answer
  try {
    const response = await fetch(provider.token, {
      method: 'POST',
      body: new URLSearchParams({ client_id: provider.client_id, ...fields }),
      credentials: 'omit',
    })
    answer = await response.json()
    if (!response.ok) throw refused(`The issuer refused the sign-in: ${answer.error_description || answer.error}.`)
  } catch (error) {
    if (error instanceof Problem) throw error
    throw refused('The issuer can’t be reached. Does it allow requests from this page’s origin?')
  }
  const known = ['access_token', 'id_token', 'refresh_token'].filter((name) => typeof answer[name] === 'string')
  return {
    ...Object.fromEntries(known.map((name) => [name, answer[name]])),
    issuer: provider.issuer,
    ends_at: Date.now() + (Number(answer.expires_in) || 300) * 1000,
  }
}

// Read for the nonce only. The API verifies what it is shown.
function claims(token) {
  try {
    return JSON.parse(atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')))
  } catch {
    return {}
  }
}

const refused = (detail) => new Problem('sign_in', detail, { status: 401 })
