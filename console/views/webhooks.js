import { html, useState } from '../vendor/preact.js'
import { navigate } from '../lib/router.js'
import { session } from '../lib/session.js'
import { useList } from '../lib/use_list.js'
import { Empty, Icon, Time } from '../lib/ui.js'
import { Fact, Lacks, ListEnd, PageHead, Secret } from '../parts/manage.js'
import { Filters, State, WebhookForm } from '../parts/webhook_form.js'

export default function Webhooks() {
  return session.has('webhooks:admin') ? html`<${List} />` : html`<${Lacks} title="Webhooks" scope="webhooks:admin" />`
}

function List() {
  const list = useList('/v1/webhooks')
  const [open, setOpen] = useState(null)
  const close = () => setOpen(null)
  return html`<div class="page manage">
    <${PageHead} title="Webhooks" text="Your server hears of each change of a file, signed, and again until it has answered.">
      <button type="button" class="button primary" onClick=${() => setOpen({ kind: 'new' })}><${Icon} name="plus" size="18" /> New webhook</button>
    <//>
    <ul class="items" aria-label="Webhooks">
      ${list.items.map(
        (webhook) => html`<li key=${webhook.id} class="item">
          <div class="item-main">
            <h2 class="item-title"><a href=${`#/webhooks/${webhook.id}`}><bdi>${webhook.url}</bdi></a> <${State} webhook=${webhook} /></h2>
            <p><${Filters} webhook=${webhook} /></p>
            <dl class="facts">
              <${Fact} name="Id"><code>${webhook.id}</code><//>
              <${Fact} name="Made"><${Time} value=${webhook.created_at} /><//>
              ${!webhook.enabled && html`<${Fact} name="Why it is off">${webhook.disabled_reason}<//>`}
            </dl>
          </div>
        </li>`,
      )}
    </ul>
    <${ListEnd} list=${list} empty=${html`<${Empty} icon="webhook" title="No webhooks yet"><p>Make one, and your server is told when a file is ready.</p><//>`} />
    ${open?.kind === 'new' &&
    html`<${WebhookForm} onClose=${close} onDone=${({ secret, ...webhook }) => {
      list.change((items) => [...items, webhook])
      setOpen({ kind: 'secret', secret, webhook })
    }} />`}
    ${open?.kind === 'secret' &&
    html`<${Secret}
      title="The webhook is ready"
      text="Your server checks with this secret that an event comes from here."
      secret=${open.secret}
      label="Signing secret"
      onClose=${() => navigate(`/webhooks/${open.webhook.id}`)}
    />`}
  </div>`
}
