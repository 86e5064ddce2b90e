import { html, useEffect, useRef, useState } from '../vendor/preact.js'
import { config } from '../lib/config.js'
import { navigate } from '../lib/router.js'
import { session, useSession } from '../lib/session.js'
import { signOut } from '../lib/sign_out.js'
import { useStore } from '../lib/store.js'
import { theme, THEMES } from '../lib/theme.js'
import { Icon } from './icon.js'
import { Logo } from './logo.js'
import { LiveState } from './live_state.js'
import { Menu } from './menu.js'
import { Tray } from './tray.js'
import { DropZone, UploadButton } from './drop.js'

const PLACES = [
  { name: 'gallery', path: '#/', icon: 'files', text: 'Files', also: ['search', 'file'], may: () => session.reads },
  { name: 'keys', path: '#/keys', icon: 'key', text: 'Keys', may: () => session.has('keys:admin') },
  { name: 'tokens', path: '#/tokens', icon: 'upload', text: 'Upload tokens', short: 'Tokens', may: () => session.has('files:write') },
  { name: 'webhooks', path: '#/webhooks', icon: 'webhook', text: 'Webhooks', also: ['webhook'], may: () => session.has('webhooks:admin') },
  { name: 'usage', path: '#/usage', icon: 'usage', text: 'Usage', may: () => session.has('files:read') },
  { name: 'audit', path: '#/audit', icon: 'clock', text: 'Audit', may: () => session.has('keys:admin') },
]

const TITLES = { search: 'Search', file: 'File', webhook: 'Webhook' }

/** The frame around every view: the bar at the top, the places, the tray of uploads. */
export function Shell({ at, children }) {
  useSession()
  const main = useRef()
  const places = PLACES.filter((place) => place.may())
  const title = TITLES[at.name] ?? PLACES.find((place) => place.name === at.name)?.text
  useEffect(() => {
    document.title = title ? `${title} – Filemill` : 'Filemill'
  }, [title])
  return html`<a class="skip" href="#main" onClick=${(event) => (event.preventDefault(), main.current.focus())}>Skip to content</a>
    <div class="shell">
      <header class="bar">
        <a class="brand" href="#/" aria-label="Filemill"><${Logo} /> <span>Filemill</span></a>
        ${session.reads && html`<${SearchField} at=${at} />`}
        <div class="bar-end">
          ${session.writes && html`<${UploadButton} />`}
          <${Account} />
        </div>
      </header>
      <nav class="places" aria-label="Main">
        ${places.map((place) => {
          const here = place.name === at.name || place.also?.includes(at.name)
          return html`<a key=${place.name} class="place" href=${place.path} aria-current=${here ? 'page' : undefined}>
            <${Icon} name=${place.icon} /> <span class="place-text">${place.text}</span>
            <span class="place-short" aria-hidden="true">${place.short ?? place.text}</span>
          </a>`
        })}
        <${LiveState} />
      </nav>
      <main id="main" ref=${main} tabindex="-1">${children}</main>
    </div>
    ${session.writes && html`<${DropZone} />`}
    <${Tray} />`
}

function SearchField({ at }) {
  const [text, setText] = useState(at.query.q ?? '')
  const input = useRef()
  useEffect(() => setText(at.query.q ?? ''), [at.query.q])
  useEffect(() => {
    const focus = (event) => {
      if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey) return
      if (event.target.closest?.('input, textarea, select, dialog, [contenteditable]')) return
      event.preventDefault()
      input.current.focus()
      input.current.select()
    }
    addEventListener('keydown', focus)
    return () => removeEventListener('keydown', focus)
  }, [])
  const search = (event) => {
    event.preventDefault()
    const query = text.trim()
    navigate(query ? '/search' : '/', query ? { q: query } : {})
  }
  return html`<form class="search" role="search" onSubmit=${search}>
    <${Icon} name="search" size="18" />
    <input
      ref=${input}
      type="search"
      name="q"
      aria-label="Search files"
      placeholder="Search names, tags, and text inside files"
      maxlength="200"
      autocomplete="off"
      value=${text}
      onInput=${(event) => setText(event.target.value)}
      onKeyDown=${(event) => event.key === 'Escape' && (at.query.q ? navigate('/') : setText(''))}
    />
    <kbd aria-hidden="true">/</kbd>
  </form>`
}

const THEME_TEXT = { system: 'As the system', light: 'Light', dark: 'Dark' }
const THEME_ICON = { system: 'system', light: 'sun', dark: 'moon' }

function Account() {
  const chosen = useStore(theme)
  const { me, tenant } = session
  const who = me?.name || { key: 'API key', token: 'Upload token', user: 'Signed in' }[me?.type] || ''
  return html`<${Menu} label=${`Account: ${tenant ?? ''}`} button=${html`<span class="avatar" aria-hidden="true">${[...(tenant ?? '?')][0].toUpperCase()}</span>`}>
    <div class="menu-head">
      <strong><bdi>${tenant}</bdi></strong>
      <span class="hint"><bdi>${who}</bdi>${me?.id ? html` · <code>${me.id}</code>` : ''}</span>
      <span class="hint">${config.stage ? `Stage ${config.stage}` : ''}${config.version ? ` · version ${config.version}` : ''}</span>
    </div>
    <fieldset class="menu-group">
      <legend>Appearance</legend>
      <div class="segments">
        ${THEMES.map(
          (each) => html`<label key=${each} class="segment">
            <input type="radio" name="theme" value=${each} checked=${chosen === each} onChange=${() => theme.set(each)} />
            <span><${Icon} name=${THEME_ICON[each]} size="16" /> ${THEME_TEXT[each]}</span>
          </label>`,
        )}
      </div>
    </fieldset>
    <a class="menu-item" href="/docs"><${Icon} name="code" size="18" /> API documentation</a>
    <button type="button" class="menu-item" onClick=${() => signOut()}><${Icon} name="sign-out" size="18" /> Sign out</button>
  <//>`
}
