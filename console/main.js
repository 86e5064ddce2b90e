import { html, render, useEffect, useErrorBoundary, useState } from './vendor/preact.js'
import { loadConfig } from './lib/config.js'
import * as oidc from './lib/oidc.js'
import { navigate, route } from './lib/router.js'
import { session, useSession } from './lib/session.js'
import { useStore } from './lib/store.js'
import './lib/theme.js'
import { Dialogs, Empty, ProblemNote, Toasts } from './lib/ui.js'
import { Announcer } from './parts/basics.js'
import SignIn from './views/sign-in.js'

// By route. Each view is loaded when it is first seen.
const VIEWS = {
  gallery: () => import('./views/gallery.js'),
  search: () => import('./views/gallery.js'),
  file: () => import('./views/file.js'),
  keys: () => import('./views/keys.js'),
  tokens: () => import('./views/tokens.js'),
  webhooks: () => import('./views/webhooks.js'),
  webhook: () => import('./views/webhook.js'),
  usage: () => import('./views/usage.js'),
  audit: () => import('./views/audit.js'),
}

const loaded = new Map()
// The frame, with uploads and live changes, is for those who are signed in.
const frame = () => import('./parts/shell.js')

function View({ at }) {
  const [, drawAgain] = useState(0)
  const [failed, setFailed] = useState(null)
  const view = loaded.get(at.name)
  useEffect(() => {
    if (view || !VIEWS[at.name]) return
    setFailed(null)
    VIEWS[at.name]().then(
      (module) => {
        loaded.set(at.name, module.default)
        drawAgain((count) => count + 1)
      },
      (error) => setFailed(error),
    )
  }, [at.name, view])
  if (!VIEWS[at.name]) {
    return html`<h1 class="unseen">Wrong address</h1>
    <${Empty} icon="search" title="There is no such page">
      <p>The address may be mistyped.</p>
      <a class="button" href="#/">Show all files</a>
    <//>`
  }
  if (failed) return html`<${Broken} error=${failed} />`
  if (!view) return html`<div class="view-loading" role="status"><span class="unseen">Loading</span></div>`
  // Another file is another view: nothing of the first one stays. The gallery and search are one.
  const key = at.name === 'search' ? 'gallery' : `${at.name} ${at.params.id ?? ''}`
  return html`<${Guarded} key=${key}><${view} params=${at.params} query=${at.query} /><//>`
}

function Guarded({ children }) {
  const [error, reset] = useErrorBoundary((error) => console.error(error))
  return error ? html`<${Broken} error=${error} retry=${reset} />` : children
}

function Broken({ error, retry = () => location.reload() }) {
  const problem = { detail: 'This page could not be shown. If Filemill was deployed just now, reload the page.' }
  return html`<div class="page">
    <${ProblemNote} problem=${problem} retry=${retry} />
    <details><summary>Details</summary><pre>${String(error?.stack ?? error)}</pre></details>
  </div>`
}

function Framed({ at }) {
  const [Shell, setShell] = useState(null)
  const [failed, setFailed] = useState(null)
  useEffect(() => {
    frame().then((module) => setShell(() => module.Shell), setFailed)
  }, [])
  if (failed) return html`<${Broken} error=${failed} />`
  return Shell && html`<${Shell} at=${at}><${View} at=${at} /><//>`
}

function App({ refusal }) {
  const { me, reason, checking, unreachable } = useSession()
  const at = useStore(route)
  useEffect(() => {
    if (me && at.name === 'sign-in') navigate('/', {}, { replace: true })
  }, [me, at.name])
  if (checking) return html`<div class="starting" role="status"><span class="unseen">Signing in</span></div>`
  return html`
    ${me
      ? html`<${Framed} at=${at} />`
      : html`<${SignIn} reason=${reason ?? refusal} unreachable=${unreachable} />`}
    <${Dialogs} />
    <${Toasts} />
    <${Announcer} />
  `
}

async function start() {
  const remembered = session.credential
  if (remembered) {
    // On their way while the credential is checked.
    frame().catch(() => {})
    const { name } = route.get() // another route may be asked for before its view is here
    VIEWS[name]?.().then((module) => loaded.set(name, module.default), () => {})
  }
  await Promise.all([loadConfig(), remembered && session.resume()])
  let refusal = null
  try {
    const tokens = await oidc.finish()
    if (tokens) await session.signInWith(tokens)
  } catch (problem) {
    refusal = problem.detail ?? String(problem)
  }
  const root = document.getElementById('app')
  root.replaceChildren()
  render(html`<${App} refusal=${refusal} />`, root)
}

start()
