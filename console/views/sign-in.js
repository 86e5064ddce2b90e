import { html, useEffect, useState } from '../vendor/preact.js'
import { config } from '../lib/config.js'
import * as oidc from '../lib/oidc.js'
import { session } from '../lib/session.js'
import { Field, Icon, ProblemNote } from '../lib/ui.js'
import { CopyButton } from '../parts/basics.js'
import { Logo } from '../parts/logo.js'

export default function SignIn({ reason, unreachable }) {
  const [key, setKey] = useState('')
  const [shown, setShown] = useState(false)
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState(null)
  const [help, setHelp] = useState(false)
  useEffect(() => {
    document.title = 'Sign in – Filemill'
  }, [])

  async function signIn(event) {
    event.preventDefault()
    if (!key.trim()) {
      setError('Paste a key first.')
      return
    }
    setBusy(true)
    setError(null)
    try {
      await session.signIn(key)
    } catch (problem) {
      const refused = problem.status === 401 && problem.code === 'unauthenticated'
      setError(refused ? 'This key is not known here, or it was revoked. Is it the key of another stage?' : problem.detail)
      setBusy(false)
    }
  }

  async function begin(provider) {
    setError(null)
    try {
      await oidc.begin(provider)
    } catch {
      setError(`The sign-in with ${provider.name} can’t begin: it needs a page that came over https, or from localhost.`)
    }
  }

  return html`<main class="sign-in" id="main">
    <div class="sign-in-card">
      <div class="sign-in-brand"><${Logo} /> <span>Filemill</span></div>
      <h1>Sign in</h1>
      ${reason && html`<div class="note" role="alert"><${Icon} name="info" /><p>${reason}</p></div>`}
      ${unreachable && html`<${ProblemNote} problem=${unreachable} retry=${() => session.resume()} />`}
      ${config.sign_in.map(
        (provider) => html`<button key=${provider.issuer} type="button" class="button large" onClick=${() => begin(provider)}>
          Continue with <bdi>${provider.name || new URL(provider.issuer).host}</bdi>
        </button>`,
      )}
      ${config.sign_in.length > 0 && html`<div class="or"><span>or with a key</span></div>`}
      <form onSubmit=${signIn} novalidate>
        <${Field} id="key" label="API key" error=${error}>
          <div class="with-button">
            <input
              id="key"
              name="key"
              type=${shown ? 'text' : 'password'}
              class="code"
              placeholder="fm_…"
              autocomplete="current-password"
              autocapitalize="off"
              spellcheck="false"
              required
              autofocus
              aria-invalid=${error ? 'true' : undefined}
              aria-describedby=${error ? 'key-error' : undefined}
              value=${key}
              onInput=${(event) => setKey(event.target.value)}
            />
            <button type="button" class="icon-button" aria-label=${shown ? 'Hide the key' : 'Show the key'} onClick=${() => setShown(!shown)}>
              <${Icon} name=${shown ? 'lock' : 'eye'} />
            </button>
          </div>
        <//>
        <button class="button primary large" disabled=${busy}>${busy ? 'Signing in…' : 'Sign in'}</button>
      </form>
      <p class="hint">The key stays in this tab, and is forgotten when you close it.</p>
      <div class="sign-in-help">
        <button type="button" class="link" aria-expanded=${help ? 'true' : 'false'} aria-controls="key-help" onClick=${() => setHelp(!help)}>
          <${Icon} name="chevron" size="16" /> No key yet?
        </button>
        <div id="key-help" hidden=${!help}><${Help} /></div>
      </div>
    </div>
  </main>`
}

/** A sentence that says where to find a key: on a laptop and on AWS that differs. */
function Help() {
  const laptop = config.stage === 'local'
  const create = `.venv/bin/python -m ops keys create --stage ${config.stage || 'STAGE'} --tenant TENANT`
  return html`
    ${(laptop || !config.stage) &&
    html`<p>On this computer, <code>make run</code> has made a key for you. It printed the key, and keeps it in the file <code>.local/api-key</code> of the checkout:</p>
      <${Command} text="cat .local/api-key" />`}
    ${!laptop &&
    html`<p>Whoever operates this stage makes a key for you, in the checkout that it was deployed from:</p>
      <${Command} text=${create} />`}
    ${laptop &&
    html`<p>For another tenant, make one more:</p>
      <${Command} text=".venv/bin/python -m ops keys create --stage local --project-dir .local/app --tenant TENANT" />`}
    <p>Somebody with a key that has <code>keys:admin</code> can also make one for you here, under “Keys”.</p>
  `
}

const Command = ({ text }) => html`<div class="command"><code>${text}</code><${CopyButton} text=${text} /></div>`
