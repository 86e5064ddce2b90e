import { html, useState } from '../vendor/preact.js'
import { KINDS, STATUSES } from '../lib/format.js'
import { navigate } from '../lib/router.js'
import { Icon } from './icon.js'
import { Menu } from './menu.js'

export const FILTERS = ['kind', 'status', 'tag', 'owner', 'created_after', 'created_before']
const PLAIN_SORTS = {
  '-created': 'Newest first',
  created: 'Oldest first',
  '-updated': 'Changed last',
  '-size': 'Largest first',
  size: 'Smallest first',
  filename: 'Name, A to Z',
  '-filename': 'Name, Z to A',
}
const DAYS = [
  ['today', 'Today', 0],
  ['7', 'Last 7 days', 7],
  ['30', 'Last 30 days', 30],
  ['365', 'Last year', 365],
]

/** The list's query of the route's: `{filters, sort}`. Only the order of creation goes with filters. */
export function listQuery(query) {
  const filters = Object.fromEntries(FILTERS.filter((name) => query[name]?.length).map((name) => [name, query[name]]))
  const filtered = Object.keys(filters).length > 0
  const wanted = query.sort in PLAIN_SORTS ? query.sort : '-created'
  const sort = filtered && !wanted.endsWith('created') ? '-created' : wanted
  // A day of the address is the reader's own, from its midnight on.
  for (const name of ['created_after', 'created_before']) {
    if (!filters[name]) continue
    const moment = new Date(`${filters[name]}T00:00:00`)
    if (Number.isNaN(moment.getTime())) delete filters[name]
    else {
      if (name === 'created_before') moment.setDate(moment.getDate() + 1)
      filters[name] = moment.toISOString()
    }
  }
  return { filters, sort, filtered }
}

const change = (query, values) => {
  const next = { ...query, ...values }
  navigate('/', Object.fromEntries(Object.entries(next).filter(([, value]) => value?.length)), { replace: true })
}

const isoDay = (date) => {
  const pad = (value) => String(value).padStart(2, '0')
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`
}

function daysAgo(days) {
  const date = new Date()
  date.setDate(date.getDate() - days)
  return isoDay(date)
}

/** Filters and order of the list, as the route has them. */
export function Filters({ query }) {
  const { filtered, sort } = listQuery(query)
  const choose = (name) => (event) => change(query, { [name]: event.target.value })
  return html`<div class="filters" role="group" aria-label="Filters">
    <${Choice} label="Kind" value=${query.kind ?? ''} options=${{ '': 'All kinds', ...KINDS }} onChange=${choose('kind')} />
    <${Choice} label="Status" value=${query.status ?? ''} options=${{ '': 'Any status', ...STATUSES }} onChange=${choose('status')} />
    <${Dates} query=${query} />
    <${Words} query=${query} name="tag" icon="tag" text="Tag" hint="A file must have all of the tags." maxlength="64" many />
    <${Words} query=${query} name="owner" icon="user" text="Owner" hint="The end user whose files they are." maxlength="128" />
    <${Choice}
      label="Order"
      value=${sort}
      options=${PLAIN_SORTS}
      disabled=${(value) => filtered && !value.endsWith('created')}
      title=${filtered ? 'Filtered files are listed by their date only.' : undefined}
      onChange=${choose('sort')}
    />
    ${filtered && html`<button type="button" class="button quiet" onClick=${() => navigate('/', {}, { replace: true })}>Clear</button>`}
  </div>`
}

function Choice({ label, value, options, disabled = () => false, title, onChange }) {
  const chosen = value !== '' && value !== '-created'
  return html`<span class=${`choice-field ${chosen ? 'chosen' : ''}`} title=${title}>
    <select aria-label=${label} value=${value} onChange=${onChange}>
      ${Object.entries(options).map(([key, text]) => html`<option key=${key} value=${key} selected=${key === value} disabled=${disabled(key)}>${text}</option>`)}
    </select>
    <${Icon} name="chevron" size="16" />
  </span>`
}

function Dates({ query }) {
  const { created_after: after = '', created_before: before = '' } = query
  const preset = DAYS.find(([, , days]) => !before && after === daysAgo(days))
  const text = preset ? preset[1] : after || before ? `${after || '…'} – ${before || '…'}` : 'Any date'
  const set = (values) => change(query, values)
  return html`<${Menu}
    align="start"
    label=${`Date: ${text}`}
    className=${`button filter ${after || before ? 'chosen' : ''}`}
    button=${html`<${Icon} name="calendar" size="16" /> ${text}`}
  >
    ${DAYS.map(
      ([key, label, days]) => html`<button key=${key} type="button" class="menu-item" onClick=${() => set({ created_after: daysAgo(days), created_before: '' })}>${label}</button>`,
    )}
    <button type="button" class="menu-item" onClick=${() => set({ created_after: '', created_before: '' })}>Any date</button>
    <div class="menu-group dates">
      <label>From <input type="date" value=${after} max=${before || undefined} onChange=${(event) => set({ created_after: event.target.value })} /></label>
      <label>To <input type="date" value=${before} min=${after || undefined} onChange=${(event) => set({ created_before: event.target.value })} /></label>
    </div>
  <//>`
}

function Words({ query, name, icon, text, hint, maxlength, many = false }) {
  const [word, setWord] = useState('')
  const values = [query[name] ?? []].flat()
  const set = (next) => change(query, { [name]: many ? next : (next.at(-1) ?? '') })
  const label = values.length ? values.join(', ') : text
  return html`<${Menu}
    align="start"
    label=${values.length ? `${text}: ${label}` : text}
    className=${`button filter ${values.length ? 'chosen' : ''}`}
    button=${html`<${Icon} name=${icon} size="16" /> <bdi class="filter-text">${label}</bdi>`}
  >
    ${(close) => html`<form
      class="menu-form"
      onSubmit=${(event) => {
        event.preventDefault()
        if (word.trim()) set([...new Set([...values, word.trim()])])
        setWord('')
        close()
      }}
    >
      <label for=${`filter-${name}`}>${text}</label>
      <input id=${`filter-${name}`} autofocus maxlength=${maxlength} autocomplete="off" value=${word} onInput=${(event) => setWord(event.target.value)} />
      <p class="hint">${hint}</p>
      ${values.length > 0 &&
      html`<div class="row">
        ${values.map(
          (value) => html`<button key=${value} type="button" class="badge removable" aria-label=${`Remove ${value}`} onClick=${() => set(values.filter((each) => each !== value))}>
            <bdi>${value}</bdi> <${Icon} name="close" size="12" />
          </button>`,
        )}
      </div>`}
      <button class="button primary">Filter</button>
    </form>`}
  <//>`
}
