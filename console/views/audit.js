import { html, useState } from '../vendor/preact.js'
import { navigate } from '../lib/router.js'
import { session } from '../lib/session.js'
import { useList } from '../lib/use_list.js'
import { described, sentenceOf } from '../lib/use_submit.js'
import { Empty, Field, Icon, Time } from '../lib/ui.js'
import { Fact, Lacks, ListEnd, localMoment, moment, PageHead } from '../parts/manage.js'

const TYPES = [
  ['', 'Everything'],
  ['filemill.file', 'Files'],
  ['filemill.file.deleted', 'Deleted files'],
  ['filemill.audit', 'Settings and credentials'],
  ['filemill.audit.key', 'API keys'],
  ['filemill.audit.token', 'Upload tokens'],
  ['filemill.audit.webhook', 'Webhooks'],
  ['filemill.audit.share', 'Share links'],
  ['filemill.audit.tenant', 'The tenant'],
]

const ACTORS = { key: 'API key', token: 'Upload token', user: 'User', system: 'Filemill' }

const NAMED = {
  'filemill.audit.key.ended': 'Key deleted',
  'filemill.audit.token.ended': 'Upload token revoked',
  'filemill.audit.token.created': 'Upload token created',
  'filemill.audit.webhook.ended': 'Webhook deleted',
  'filemill.audit.share.ended': 'Share link ended',
  'filemill.audit.share.created': 'Share link created',
}

/** `filemill.audit.key.created` is "Key created", `filemill.file.ready` "File ready". */
function words(type) {
  if (NAMED[type]) return NAMED[type]
  const text = type.replace(/^filemill\.(audit\.)?/, '').replaceAll('.', ' ').replaceAll('_', ' ')
  return text.charAt(0).toUpperCase() + text.slice(1)
}

export default function Audit({ query }) {
  return session.has('keys:admin') ? html`<${Page} query=${query} />` : html`<${Lacks} title="Audit" scope="keys:admin" />`
}

/** The filters are in the address, so that they can be sent to somebody. */
function Page({ query }) {
  const filters = { type: query.type, actor: query.actor, after: query.after, before: query.before }
  const list = useList('/v1/audit', filters)
  const filtered = Object.values(filters).some(Boolean)
  const wrong = list.problem?.field
  return html`<div class="page manage">
    <${PageHead} title="Audit" text="Who changed what, the newest first. Values are not kept." />
    <${Filters} key=${JSON.stringify(filters)} filters=${filters} wrong=${wrong} problem=${list.problem} />
    <ul class="items" aria-label="Changes">
      ${list.items.map(
        (entry) => html`<li key=${entry.id} class="item">
          <div class="item-main">
            <h2 class="item-title">${words(entry.type)} <${Time} value=${entry.at} full=${true} /></h2>
            <dl class="facts">
              <${Fact} name="Of"><${Subject} entry=${entry} /><//>
              <${Fact} name="By">${ACTORS[entry.actor.type] ?? entry.actor.type} <a href=${`#/audit?actor=${encodeURIComponent(entry.actor.id)}`}><bdi>${entry.actor.id}</bdi></a><//>
              ${entry.fields.length > 0 && html`<${Fact} name="Fields">${entry.fields.join(', ')}<//>`}
              ${entry.address && html`<${Fact} name="From"><code>${entry.address}</code><//>`}
              ${entry.request_id && html`<${Fact} name="Request"><code>${entry.request_id}</code><//>`}
            </dl>
          </div>
        </li>`,
      )}
    </ul>
    <${ListEnd}
      list=${wrong ? { ...list, problem: null, loading: true, items: [null] } : list}
      empty=${html`<${Empty} icon="clock" title="Nothing was changed"><p>${filtered ? 'No change passes these filters.' : 'Changes will be listed here.'}</p><//>`}
    />
  </div>`
}

function Subject({ entry }) {
  const file = /^file_[0-9A-Z]{26}/.exec(entry.subject)?.[0]
  if (file && session.reads && entry.type !== 'filemill.file.deleted') return html`<a href=${`#/files/${file}`}><code>${entry.subject}</code></a>`
  return html`<code><bdi>${entry.subject}</bdi></code>`
}

function Filters({ filters, wrong, problem }) {
  const [values, setValues] = useState({ type: filters.type ?? '', actor: filters.actor ?? '', after: localMoment(filters.after), before: localMoment(filters.before) })
  const put = (name) => (event) => {
    const { value } = event.target
    setValues((old) => ({ ...old, [name]: value }))
  }
  const show = (event) => {
    event.preventDefault()
    navigate('/audit', { type: values.type, actor: values.actor.trim(), after: moment(values.after), before: moment(values.before) })
  }
  const error = (name) => (wrong === name ? sentenceOf(problem) : null)
  return html`<form class="card filters-form" role="search" aria-label="Filters" onSubmit=${show} novalidate>
    <${Field} id="audit-type" label="Changes of" error=${error('type')}>
      <select ...${described('audit-type', { error: error('type') })} value=${values.type} onChange=${put('type')}>
        ${TYPES.map(([value, text]) => html`<option key=${value} value=${value} selected=${value === values.type}>${text}</option>`)}
        ${!TYPES.some(([value]) => value === values.type) && html`<option value=${values.type} selected>${values.type}</option>`}
      </select>
    <//>
    <${Field} id="audit-actor" label="By (an id)" error=${error('actor')}>
      <input ...${described('audit-actor', { error: error('actor') })} maxlength="255" autocomplete="off" spellcheck="false" value=${values.actor} onInput=${put('actor')} />
    <//>
    <${Field} id="audit-after" label="From" error=${error('after')}>
      <input type="datetime-local" ...${described('audit-after', { error: error('after') })} value=${values.after} onInput=${put('after')} />
    <//>
    <${Field} id="audit-before" label="Until" error=${error('before')}>
      <input type="datetime-local" ...${described('audit-before', { error: error('before') })} value=${values.before} onInput=${put('before')} />
    <//>
    <div class="row">
      <button class="button primary"><${Icon} name="filter" size="18" /> Show</button>
      <a class="button quiet" href="#/audit">All</a>
    </div>
  </form>`
}
