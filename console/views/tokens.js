import { html, useState } from '../vendor/preact.js'
import { api } from '../lib/api.js'
import { bytes, plural } from '../lib/format.js'
import { session } from '../lib/session.js'
import { useList } from '../lib/use_list.js'
import { described, useSubmit } from '../lib/use_submit.js'
import { confirm, Dialog, Empty, Field, Icon, ProblemNote, Progress, Time, toast } from '../lib/ui.js'
import { Fact, FormEnd, Lacks, ListEnd, PageHead, Secret, texts, words } from '../parts/manage.js'

export default function Tokens() {
  return session.has('files:write') ? html`<${List} />` : html`<${Lacks} title="Upload tokens" scope="files:write" />`
}

function List() {
  const list = useList('/v1/upload-tokens')
  const [open, setOpen] = useState(null)
  const close = () => setOpen(null)

  async function revoke(token) {
    const agreed = await confirm({
      title: 'Revoke this upload token?',
      text: 'Pages that hold it can upload nothing more within a minute. Files that came with it stay.',
      action: 'Revoke',
      danger: true,
    })
    if (!agreed) return
    try {
      await api.delete(`/v1/upload-tokens/${token.id}`)
      list.change((items) => items.filter((each) => each.id !== token.id))
      toast('The token is revoked.')
    } catch (problem) {
      toast(problem.detail, { danger: true })
    }
  }

  return html`<div class="page manage">
    <${PageHead} title="Upload tokens" text="A browser uploads with one of these and can do nothing else. As a rule your backend makes them.">
      <button type="button" class="button primary" onClick=${() => setOpen({ kind: 'new' })}><${Icon} name="plus" size="18" /> New token</button>
    <//>
    <ul class="items" aria-label="Upload tokens">
      ${list.items.map((token) => html`<${Token} key=${token.id} item=${token} onRevoke=${() => revoke(token)} />`)}
    </ul>
    <${ListEnd} list=${list} empty=${html`<${Empty} icon="upload" title="No token works now"><p>Tokens end by themselves, after a day at most.</p><//>`} />
    ${open?.kind === 'new' &&
    html`<${TokenForm} onClose=${close} onDone=${({ token: secret, ...token }) => {
      list.change((items) => [{ used: 0, key_id: session.me.type === 'key' ? session.me.id : null, ...token }, ...items])
      setOpen({ kind: 'secret', secret, token })
    }} />`}
    ${open?.kind === 'secret' &&
    html`<${Secret} title="The token is ready" text=${html`It works until <${Time} value=${open.token.expires_at} full=${true} />.`} secret=${open.secret} label="Upload token" onClose=${close} />`}
  </div>`
}

function Token({ item, onRevoke }) {
  return html`<li class="item">
    <div class="item-main">
      <h2 class="item-title">
        <code>${item.id}</code>
        ${item.used >= item.max_files && html`<span class="badge warn">Used up</span>`}
      </h2>
      <div class="meter-row"><${Progress} value=${item.used / item.max_files} label="Files made with it" /> <span class="hint number">${item.used} of ${plural(item.max_files, 'file')}</span></div>
      <dl class="facts">
        <${Fact} name="Ends"><${Time} value=${item.expires_at} /><//>
        <${Fact} name="Each file">${bytes(item.max_bytes)} at most<//>
        <${Fact} name="Types">${item.content_types.length ? item.content_types.join(', ') : 'All'}<//>
        <${Fact} name="Visibility">${item.visibility}<//>
        <${Fact} name="Recipe">${item.recipe}<//>
        ${item.tags.length > 0 && html`<${Fact} name="Tags">${item.tags.map((tag) => html`<span key=${tag} class="badge"><bdi>${tag}</bdi></span> `)}<//>`}
        ${item.owner && html`<${Fact} name="Owner"><bdi>${item.owner}</bdi><//>`}
        <${Fact} name="Made"><${Time} value=${item.created_at} />${item.key_id && html` with key <code>${item.key_id}</code>`}<//>
      </dl>
    </div>
    <button type="button" class="button" aria-label=${`Revoke ${item.id}`} onClick=${onRevoke}>Revoke</button>
  </li>`
}

const TERMS = [
  [3600, 'In an hour'],
  [21_600, 'In 6 hours'],
  [86_400, 'In a day'],
]
const UNITS = [
  [1e3, 'KB'],
  [1e6, 'MB'],
  [1e9, 'GB'],
]
const FIELDS = ['max_bytes', 'max_files', 'expires_in', 'content_types', 'tags', 'visibility', 'owner']

function TokenForm({ onDone, onClose }) {
  const [values, setValues] = useState({ size: '100', unit: 1e6, max_files: '10', expires_in: 3600, content_types: '', tags: '', visibility: 'private', owner: '' })
  const put = (name, as = (text) => text) => (event) => {
    const value = as(event.target.value)
    setValues((old) => ({ ...old, [name]: value }))
  }
  const { submit, busy, rest, errorOf } = useSubmit(FIELDS, async () => {
    const max_bytes = Math.round(Number(values.size) * values.unit)
    const max_files = Number(values.max_files)
    if (!(max_bytes >= 1)) throw { field: 'max_bytes', detail: 'Say a size, such as 100.' }
    if (!(Number.isInteger(max_files) && max_files >= 1)) throw { field: 'max_files', detail: 'Say a whole number, such as 10.' }
    const { expires_in, visibility, owner } = values
    const body = { max_bytes, max_files, expires_in, visibility, content_types: words(values.content_types.toLowerCase()), tags: texts(values.tags) }
    onDone(await api.post('/v1/upload-tokens', { ...body, ...(owner.trim() && { owner: owner.trim() }) }))
  })
  const error = Object.fromEntries(FIELDS.map((name) => [name, errorOf(name)]))
  return html`<${Dialog} title="New upload token" onClose=${onClose}>
    <${ProblemNote} problem=${rest} />
    <form onSubmit=${submit} novalidate>
      <div class="two">
        <${Field} id="token-size" label="Each file at most" error=${error.max_bytes}>
          <div class="joined">
            <input ...${described('token-size', { error: error.max_bytes })} inputmode="decimal" autofocus value=${values.size} onInput=${put('size')} />
            <select aria-label="Unit" value=${values.unit} onChange=${put('unit', Number)}>
              ${UNITS.map(([unit, text]) => html`<option key=${unit} value=${unit} selected=${unit === values.unit}>${text}</option>`)}
            </select>
          </div>
        <//>
        <${Field} id="token-files" label="Files at most" error=${error.max_files}>
          <input ...${described('token-files', { error: error.max_files })} inputmode="numeric" value=${values.max_files} onInput=${put('max_files')} />
        <//>
      </div>
      <div class="two">
        <${Field} id="token-end" label="The token ends" error=${error.expires_in}>
          <select ...${described('token-end', { error: error.expires_in })} value=${values.expires_in} onChange=${put('expires_in', Number)}>
            ${TERMS.map(([seconds, text]) => html`<option key=${seconds} value=${seconds} selected=${seconds === values.expires_in}>${text}</option>`)}
          </select>
        <//>
        <${Field} id="token-visibility" label="The files are" error=${error.visibility}>
          <select ...${described('token-visibility', { error: error.visibility })} value=${values.visibility} onChange=${put('visibility')}>
            ${['private', 'public'].map((each) => html`<option key=${each} value=${each} selected=${each === values.visibility}>${each}</option>`)}
          </select>
        <//>
      </div>
      <${Field} id="token-types" label="Types (if wished)" error=${error.content_types} hint="Such as image/*, application/pdf. Without any, all types are taken.">
        <input ...${described('token-types', { hint: true, error: error.content_types })} spellcheck="false" autocapitalize="off" value=${values.content_types} onInput=${put('content_types')} />
      <//>
      <${Field} id="token-tags" label="Tags (if wished)" error=${error.tags} hint="Between commas. Every file gets them.">
        <input ...${described('token-tags', { hint: true, error: error.tags })} autocomplete="off" value=${values.tags} onInput=${put('tags')} />
      <//>
      <${Field} id="token-owner" label="Owner (if wished)" error=${error.owner} hint="The end user whose files these will be, as your app names them">
        <input ...${described('token-owner', { hint: true, error: error.owner })} maxlength="128" autocomplete="off" value=${values.owner} onInput=${put('owner')} />
      <//>
      <${FormEnd} busy=${busy} action="Make the token" onCancel=${onClose} />
    </form>
  <//>`
}
