import { html, useState } from '../vendor/preact.js'
import { api } from '../lib/api.js'
import { session } from '../lib/session.js'
import { signOut } from '../lib/sign_out.js'
import { useList } from '../lib/use_list.js'
import { confirm, Empty, Icon, Time, toast } from '../lib/ui.js'
import { KeyForm, RotateForm } from '../parts/key_form.js'
import { Fact, Lacks, ListEnd, PageHead, Secret } from '../parts/manage.js'
import { Menu } from '../parts/menu.js'

export default function Keys() {
  return session.has('keys:admin') ? html`<${List} />` : html`<${Lacks} title="API keys" scope="keys:admin" />`
}

function List() {
  const list = useList('/v1/keys')
  // The dialog that is open: {kind: 'new' | 'edit' | 'rotate' | 'secret', key}.
  const [open, setOpen] = useState(null)
  const close = () => setOpen(null)
  const replace = (key) => list.change((items) => items.map((each) => (each.id === key.id ? key : each)))

  async function remove(key) {
    const own = key.id === session.me.id
    const agreed = await confirm({
      title: `Delete “\u2068${key.name}\u2069”?`,
      text: `Programs that use it are refused within a minute, and its upload tokens end. This can’t be undone.${own ? ' You are signed in with this key, so you will be signed out.' : ''}`,
      action: 'Delete',
      danger: true,
    })
    if (!agreed) return
    try {
      await api.delete(`/v1/keys/${key.id}`)
      list.change((items) => items.filter((each) => each.id !== key.id))
      toast(`“\u2068${key.name}\u2069” is deleted.`)
      if (own) signOut({ ask: false })
    } catch (problem) {
      toast(problem.detail, { danger: true })
    }
  }

  return html`<div class="page manage">
    <${PageHead} title="API keys" text="Programs sign in with these. Give each its own, with no more rights than it needs.">
      <button type="button" class="button primary" onClick=${() => setOpen({ kind: 'new' })}><${Icon} name="plus" size="18" /> New key</button>
    <//>
    <ul class="items" aria-label="API keys">
      ${list.items.map((key) => html`<${Key} key=${key.id} item=${key} onOpen=${(kind) => setOpen({ kind, key })} onDelete=${() => remove(key)} />`)}
    </ul>
    <${ListEnd} list=${list} empty=${html`<${Empty} icon="key" title="No keys yet"><p>Make one for each program that works with your files.</p><//>`} />
    ${open?.kind === 'new' &&
    html`<${KeyForm} onClose=${close} onDone=${(made) => {
      const { key: secret, ...key } = made
      list.change((items) => [...items, key])
      setOpen({ kind: 'secret', key, secret, title: 'The key is ready', text: html`<bdi>${key.name}</bdi>` })
    }} />`}
    ${open?.kind === 'edit' && html`<${KeyForm} known=${open.key} onClose=${close} onDone=${(key) => (replace(key), close(), toast('Saved. The change works within a minute.'))} />`}
    ${open?.kind === 'rotate' &&
    html`<${RotateForm}
      path=${`/v1/keys/${open.key.id}/rotate`}
      title=${`Rotate “\u2068${open.key.name}\u2069”`}
      text="The key gets a new secret. Put it where the key is used before the present one ends."
      onClose=${close}
      onDone=${({ key: secret, ...key }) => {
        replace(key)
        setOpen({ kind: 'secret', key, secret, title: 'The new secret', text: html`<bdi>${key.name}</bdi>` })
      }}
    />`}
    ${open?.kind === 'secret' && html`<${Secret} title=${open.title} text=${open.text} secret=${open.secret} label="API key" onClose=${close} />`}
  </div>`
}

function Key({ item, onOpen, onDelete }) {
  const over = item.expires_at && new Date(item.expires_at) <= Date.now()
  const own = item.id === session.me.id
  return html`<li class="item">
    <div class="item-main">
      <h2 class="item-title">
        <bdi>${item.name}</bdi>
        ${own && html`<span class="badge accent">You use this one</span>`} ${over && html`<span class="badge danger">Expired</span>`}
      </h2>
      <div class="row badges">${item.scopes.map((scope) => html`<span key=${scope} class="badge">${scope}</span>`)}</div>
      <dl class="facts">
        <${Fact} name="Id"><code>${item.id}</code><//>
        <${Fact} name="Last used">${item.last_used_at ? html`<${Time} value=${item.last_used_at} />` : 'Never'}<//>
        <${Fact} name=${over ? 'Ended' : 'Ends'}>${item.expires_at ? html`<${Time} value=${item.expires_at} />` : 'Never'}<//>
        <${Fact} name="Made"><${Time} value=${item.created_at} />${item.created_by ? html` by ${item.created_by.type} <code>${item.created_by.id}</code>` : ' by the operator'}<//>
        ${item.networks.length > 0 && html`<${Fact} name="Networks">${item.networks.map((each) => html`<code key=${each}>${each} </code>`)}<//>`}
        ${item.earlier_secrets_until && html`<${Fact} name="Earlier secret works until"><${Time} value=${item.earlier_secrets_until} full=${true} /><//>`}
      </dl>
    </div>
    <${Menu} label=${`Actions for ${item.name}`} button=${html`<${Icon} name="more" />`}>
      <button type="button" class="menu-item" onClick=${() => onOpen('edit')}><${Icon} name="edit" size="18" /> Change</button>
      <button type="button" class="menu-item" onClick=${() => onOpen('rotate')}><${Icon} name="refresh" size="18" /> Rotate the secret</button>
      <button type="button" class="menu-item" onClick=${onDelete}><${Icon} name="trash" size="18" /> Delete</button>
    <//>
  </li>`
}
