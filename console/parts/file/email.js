import { html } from '../../vendor/preact.js'
import * as format from '../../lib/format.js'
import { Icon } from '../../lib/ui.js'
import { addressOf } from './addresses.js'
import { saved, useEntries } from './archive.js'
import { freshLink } from './fresh.js'
import { Text } from './text.js'
import { isSingle } from './tree.js'

const FEW = 3 // recipients that are shown at once

/** A message: its header, attachments and text. */
export function Email({ file }) {
  const { email } = file.record
  const to = email.to ?? []
  return html`<div class="stage email">
    <header class="email-head">
      <h2><bdi>${email.subject || 'No subject'}</bdi></h2>
      <dl>
        <div><dt>From</dt><dd><bdi>${email.from || '–'}</bdi></dd></div>
        <div><dt>To</dt><dd><${People} people=${to} /></dd></div>
        ${email.date && html`<div><dt>Date</dt><dd><time datetime=${email.date}>${format.moment(email.date)}</time></dd></div>`}
      </dl>
      ${email.attachments > 0 && html`<${Attachments} file=${file} />`}
    </header>
    <${Text} file=${file} plain=${true} />
  </div>`
}

function People({ people }) {
  const names = (some) => some.map((each, index) => html`<span key=${index}>${index ? ', ' : ''}<bdi>${each}</bdi></span>`)
  if (!people.length) return '–'
  if (people.length <= FEW) return names(people)
  return html`<details class="people"><summary>${names(people.slice(0, FEW))} and ${people.length - FEW} more</summary>${names(people.slice(FEW))}</details>`
}

function Attachments({ file }) {
  const { entries, failed, retry } = useEntries(file)
  if (failed) return html`<p class="note danger" role="alert">The attachments can’t be listed. <button type="button" class="button" onClick=${retry}>Try again</button></p>`
  return html`<ul class="attachments" aria-label="Attachments">
    ${(entries ?? []).map((entry, index) => {
      const text = html`<${Icon} name="other" size="18" /> <bdi>${entry.name || 'Without a name'}</bdi> <span class="hint">${format.bytes(entry.size)}</span>`
      return html`<li key=${index}>
        ${isSingle(entry, file.record)
          ? html`<a class="attachment" ...${freshLink(file, (record) => addressOf(record, `e${index}.bin`))} download=${saved(entry.name)}><span class="unseen">Download </span>${text} <${Icon} name="download" size="16" /></a>`
          : html`<span class="attachment" title="This attachment can’t be had alone. Download the whole message.">${text}</span>`}
      </li>`
    })}
  </ul>`
}
