import { html, useEffect, useRef, useState } from '../vendor/preact.js'
import { api } from '../lib/api.js'
import { navigate } from '../lib/router.js'
import { session } from '../lib/session.js'
import { useList } from '../lib/use_list.js'
import { described, useSubmit } from '../lib/use_submit.js'
import { confirm, Dialog, Empty, Field, Icon, ProblemNote, Time, toast } from '../lib/ui.js'
import { RotateForm } from '../parts/key_form.js'
import { Fact, FormEnd, Lacks, ListEnd, localMoment, moment, Secret } from '../parts/manage.js'
import { Menu } from '../parts/menu.js'
import { Choices, Filters, State, typeName, TYPES, WebhookForm } from '../parts/webhook_form.js'

const FRESH = 2500 // milliseconds between two looks at the log while something is to be sent
const LOOKS = 24

export default function Webhook({ params }) {
  return session.has('webhooks:admin') ? html`<${Page} id=${params.id} />` : html`<${Lacks} title="Webhook" scope="webhooks:admin" />`
}

function Page({ id }) {
  const path = `/v1/webhooks/${encodeURIComponent(id)}`
  const [webhook, setWebhook] = useState(null)
  const [problem, setProblem] = useState(null)
  const [open, setOpen] = useState(null)
  const [state, setState] = useState('')
  const log = useList(`${path}/deliveries`, { state })
  const close = () => setOpen(null)
  const load = () => {
    setProblem(null)
    api.get(path).then(setWebhook, setProblem)
  }
  useEffect(load, [path])
  useFreshLog(log)

  // Says what went wrong, if something did.
  const doing = (work) => async () => {
    try {
      await work()
    } catch (error) {
      toast(error.detail, { danger: true })
    }
  }
  const test = doing(async () => {
    const made = await api.post(`${path}/test`, {})
    log.change((items) => [made, ...items])
    toast('A test event is on its way. The log says what your server answers.')
  })
  const remove = doing(async () => {
    const agreed = await confirm({ title: 'Delete this webhook?', text: 'Its log goes, too. This can’t be undone.', action: 'Delete', danger: true })
    if (!agreed) return
    await api.delete(path)
    toast('The webhook is deleted.')
    navigate('/webhooks', {}, { replace: true })
  })
  const turn = (enabled, replay = false) => doing(async () => {
    setWebhook(await api.patch(path, replay ? { enabled, replay } : { enabled }))
    toast(enabled ? 'The webhook is on.' : 'The webhook is off: events are kept as missed.')
    log.reload()
  })

  if (problem) {
    return html`<div class="page">
      <a href="#/webhooks" class="link"><${Icon} name="back" size="16" /> All webhooks</a>
      <h1>Webhook</h1>
      <${ProblemNote} problem=${problem} retry=${problem.status === 404 ? null : load} />
    </div>`
  }
  if (!webhook) return html`<div class="view-loading" role="status"><span class="unseen">Loading</span></div>`
  return html`<div class="page manage">
    <a href="#/webhooks" class="link"><${Icon} name="back" size="16" /> All webhooks</a>
    <header class="page-head">
      <div>
        <h1 class="address"><bdi>${webhook.url}</bdi></h1>
        <p><${State} webhook=${webhook} /> <${Filters} webhook=${webhook} /></p>
      </div>
      <div class="row">
        <button type="button" class="button primary" disabled=${!webhook.enabled} onClick=${test}><${Icon} name="bolt" size="18" /> Send a test</button>
        <${Menu} label="More actions" button=${html`<${Icon} name="more" />`}>
          <button type="button" class="menu-item" onClick=${() => setOpen({ kind: 'edit' })}><${Icon} name="edit" size="18" /> Change</button>
          <button type="button" class="menu-item" onClick=${() => setOpen({ kind: 'rotate' })}><${Icon} name="refresh" size="18" /> Rotate the secret</button>
          ${webhook.enabled &&
          html`<button type="button" class="menu-item" onClick=${() => setOpen({ kind: 'replay' })}><${Icon} name="clock" size="18" /> Send events again</button>
            <button type="button" class="menu-item" onClick=${turn(false)}><${Icon} name="pause" size="18" /> Turn off</button>`}
          <button type="button" class="menu-item" onClick=${remove}><${Icon} name="trash" size="18" /> Delete</button>
        <//>
      </div>
    </header>
    ${!webhook.enabled &&
    html`<div class="note warn">
      <${Icon} name="alert" />
      <div><p>This webhook is off since <${Time} value=${webhook.disabled_at} full=${true} />. <bdi>${webhook.disabled_reason}</bdi></p></div>
      <button type="button" class="button" onClick=${turn(true, true)}>Turn on and send what was missed</button>
      <button type="button" class="button" onClick=${turn(true)}>Turn on</button>
    </div>`}
    <dl class="facts card">
      <${Fact} name="Id"><code>${webhook.id}</code><//>
      <${Fact} name="Made"><${Time} value=${webhook.created_at} /> by ${webhook.created_by.type} <code>${webhook.created_by.id}</code><//>
      <${Fact} name="Changed"><${Time} value=${webhook.updated_at} /><//>
      ${webhook.earlier_secrets_until && html`<${Fact} name="Earlier secret signs until"><${Time} value=${webhook.earlier_secrets_until} full=${true} /><//>`}
    </dl>
    <section class="stack" aria-labelledby="log">
      <div class="page-head">
        <h2 id="log">Deliveries</h2>
        <div class="row">
          <label class="row"><span class="hint">Show</span>
            <select value=${state} onChange=${(event) => setState(event.target.value)}>
              ${[['', 'All'], ...STATES].map(([value, text]) => html`<option key=${value} value=${value} selected=${value === state}>${text}</option>`)}
            </select>
          </label>
          <button type="button" class="icon-button" aria-label="Load the log again" onClick=${log.reload}><${Icon} name="refresh" /></button>
        </div>
      </div>
      <ul class="items" aria-label="Deliveries">
        ${log.items.map((delivery) => html`<${Delivery} key=${delivery.id} item=${delivery} onOpen=${() => setOpen({ kind: 'delivery', id: delivery.id })} />`)}
      </ul>
      <${ListEnd} list=${log} empty=${html`<${Empty} icon="webhook" title="Nothing was sent"><p>${state ? 'No delivery is in this state.' : 'The next event that passes the filters will be here. The log keeps 30 days.'}</p><//>`} />
    </section>
    ${open?.kind === 'edit' && html`<${WebhookForm} known=${webhook} onClose=${close} onDone=${(changed) => (setWebhook(changed), close(), toast('Saved.'))} />`}
    ${open?.kind === 'rotate' &&
    html`<${RotateForm}
      path=${`${path}/rotate-secret`}
      title="Rotate the signing secret"
      text="Events are signed with the new secret and, for a time, with the present one as well. Put the new one into your server before that ends."
      onClose=${close}
      onDone=${({ secret, ...changed }) => (setWebhook(changed), setOpen({ kind: 'secret', secret }))}
    />`}
    ${open?.kind === 'secret' && html`<${Secret} title="The new secret" text="Put it into your server." secret=${open.secret} label="Signing secret" onClose=${close} />`}
    ${open?.kind === 'replay' && html`<${Replay} path=${path} webhook=${webhook} onClose=${close} onDone=${() => (close(), toast('The events are sent again.'), log.reload())} />`}
    ${open?.kind === 'delivery' && html`<${Details} path=${`${path}/deliveries/${open.id}`} enabled=${webhook.enabled} onClose=${close} onSent=${() => log.reload()} />`}
  </div>`
}

/** Looks again at the log for a while, for as long as something in it is still to be sent. */
function useFreshLog(log) {
  const looks = useRef(0)
  const pending = log.items.some(isSoon)
  useEffect(() => {
    if (!pending) looks.current = 0
    if (!pending || log.loading || looks.current >= LOOKS) return undefined
    const timer = setTimeout(() => {
      looks.current += 1
      log.reload()
    }, FRESH)
    return () => clearTimeout(timer)
  }, [log.items, log.loading, pending])
}

/** A retry that is due in an hour needs no look now. */
const isSoon = (delivery) => delivery.state === 'pending' && (!delivery.next_attempt_at || new Date(delivery.next_attempt_at) - Date.now() < 30_000)

const STATES = [
  ['pending', 'To be sent'],
  ['delivered', 'Delivered'],
  ['failed', 'Failed'],
  ['missed', 'Missed'],
]
const STATE_NAMES = Object.fromEntries(STATES)
const STATE_LOOK = { delivered: 'ok', failed: 'danger', pending: 'warn', missed: '' }

const StateBadge = ({ state }) => html`<span class=${`badge ${STATE_LOOK[state] ?? ''}`}>${STATE_NAMES[state] ?? state}</span>`

const Subject = ({ id }) => (id.startsWith('file_') && session.reads ? html`<a href=${`#/files/${id}`}><code>${id}</code></a>` : html`<code>${id}</code>`)

function Delivery({ item, onOpen }) {
  const last = item.attempts.at(-1)
  return html`<li class="item">
    <div class="item-main">
      <h3 class="item-title">${typeName(item.type)} <${StateBadge} state=${item.state} /></h3>
      <dl class="facts">
        <${Fact} name="Of"><${Subject} id=${item.subject} /><//>
        <${Fact} name="Happened"><${Time} value=${item.time} /><//>
        <${Fact} name="Tries">${item.attempts.length}<//>
        ${last && html`<${Fact} name="Last answer">${last.status ?? html`<bdi>${last.error}</bdi>`}<//>`}
        ${item.next_attempt_at && html`<${Fact} name="Next try">${new Date(item.next_attempt_at) > Date.now() ? html`<${Time} value=${item.next_attempt_at} />` : 'soon'}<//>`}
      </dl>
    </div>
    <button type="button" class="button" aria-label=${`Details of ${typeName(item.type)}, ${item.id}`} onClick=${onOpen}>Details</button>
  </li>`
}

function Details({ path, enabled, onClose, onSent }) {
  const [delivery, setDelivery] = useState(null)
  const [problem, setProblem] = useState(null)
  useEffect(() => {
    api.get(path).then(setDelivery, setProblem)
  }, [path])
  const { submit, busy, problem: refused } = useSubmit([], async () => {
    setDelivery(await api.post(`${path}/retry`, {}))
    toast('The event is sent again.')
    onSent()
  })
  return html`<${Dialog} title="Delivery" onClose=${onClose} wide=${true}>
    <${ProblemNote} problem=${problem ?? refused} />
    ${!delivery && !problem && html`<p role="status">Loading…</p>`}
    ${delivery &&
    html`<dl class="facts">
        <${Fact} name="Event"><code>${delivery.id}</code><//>
        <${Fact} name="Type"><code>${delivery.type}</code><//>
        <${Fact} name="State"><${StateBadge} state=${delivery.state} /><//>
        <${Fact} name="Happened"><${Time} value=${delivery.time} full=${true} /><//>
        ${delivery.next_attempt_at && html`<${Fact} name="Next try"><${Time} value=${delivery.next_attempt_at} full=${true} /><//>`}
      </dl>
      <h3>Tries</h3>
      ${!delivery.attempts.length && html`<p class="hint">It was not sent yet.</p>`}
      <ol class="attempts">
        ${delivery.attempts.map(
          (attempt, index) => html`<li key=${attempt.at}>
            <p>
              <span class=${`badge ${attempt.status >= 200 && attempt.status < 300 ? 'ok' : 'danger'}`}>${attempt.status ?? 'No answer'}</span>
              <${Time} value=${attempt.at} full=${true} /> <span class="hint number">${attempt.ms} ms</span>
            </p>
            ${attempt.error && html`<p class="hint"><bdi>${attempt.error}</bdi></p>`}
            ${attempt.answer && html`<pre tabindex="0" aria-label=${`Answer to try ${index + 1}`}>${attempt.answer}</pre>`}
          </li>`,
        )}
      </ol>`}
    <footer>
      <button type="button" class="button" onClick=${onClose}>Close</button>
      ${delivery && html`<button type="button" class="button primary" disabled=${busy || !enabled} onClick=${submit}>Send again</button>`}
    </footer>
  <//>`
}

function Replay({ path, webhook, onDone, onClose }) {
  const [since, setSince] = useState(localMoment(new Date(Date.now() - 86_400_000)))
  const [types, setTypes] = useState(new Set())
  const { submit, busy, rest, errorOf } = useSubmit(['since', 'types'], async () => {
    if (!since) throw { field: 'since', detail: 'Choose a day and a time.' }
    await api.post(`${path}/replay`, { since: moment(since), types: [...types] })
    onDone()
  })
  const error = errorOf('since')
  return html`<${Dialog} title="Send events again" onClose=${onClose} wide=${true}>
    <p>All that the log has since this moment is sent again, delivered or not. Your server knows an event by its id.</p>
    <${ProblemNote} problem=${rest} />
    <form onSubmit=${submit} novalidate>
      <${Field} id="replay-since" label="Since" error=${error} hint=${html`The webhook was made <${Time} value=${webhook.created_at} />.`}>
        <input type="datetime-local" ...${described('replay-since', { hint: true, error })} autofocus value=${since} onInput=${(event) => setSince(event.target.value)} />
      <//>
      <${Choices} legend="Events" hint="Without a choice, all of them." error=${errorOf('types')} all=${TYPES} chosen=${types} onChange=${setTypes} />
      <${FormEnd} busy=${busy} action="Send again" onCancel=${onClose} />
    </form>
  <//>`
}
