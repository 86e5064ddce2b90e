// Parts of the views of keys, tokens, webhooks and the audit: their head, their lists, and secrets that are shown once.
import { html } from '../vendor/preact.js'
import { CopyButton, ProblemNote } from './basics.js'
import { Dialog } from './dialog.js'

/** The head of a view: its title, a sentence, and its button. */
export const PageHead = ({ title, text, children }) => html`<header class="page-head">
  <div>
    <h1>${title}</h1>
    <p>${text}</p>
  </div>
  <div class="row">${children}</div>
</header>`

/** A view for somebody whose credential lacks the scope that it needs. */
export const Lacks = ({ title, scope }) => html`<div class="page">
  <h1>${title}</h1>
  <div class="note"><p>Your credential has no <code>${scope}</code>, so it can’t open this. Sign in with one that has it.</p></div>
</div>`

/** The end of a list: its problem, and the button for more. */
export function ListEnd({ list, empty }) {
  return html`${list.problem && html`<${ProblemNote} problem=${list.problem} retry=${list.items.length ? list.next : list.reload} />`}
    ${!list.loading && !list.problem && !list.items.length && empty}
    ${list.more && !list.problem && html`<button type="button" class="button" disabled=${list.loading} onClick=${list.next}>${list.loading ? 'Loading…' : 'Show more'}</button>`}
    <p class="unseen" role="status">${list.loading ? 'Loading' : ''}</p>
    ${list.loading && !list.items.length && html`<ul class="items" aria-hidden="true">${[0, 1, 2].map((each) => html`<li key=${each} class="item waiting" />`)}</ul>`}`
}

/** One fact about a thing: `facts` lie in a row where there is room. */
export const Fact = ({ name, children }) => html`<div><dt>${name}</dt><dd>${children}</dd></div>`

/** A secret that no other answer shows. */
export function Secret({ title, text, secret, label, onClose, children }) {
  return html`<${Dialog} title=${title} onClose=${onClose}>
    <p>${text}</p>
    <div class="command secret"><code aria-label=${label}>${secret}</code><${CopyButton} text=${secret} /></div>
    <p class="hint">It is shown only now. Keep it where your secrets are kept; nobody can look it up later.</p>
    ${children}
    <footer><button type="button" class="button primary" autofocus onClick=${onClose}>Done</button></footer>
  <//>`
}

/** The buttons at the end of a form in a dialog. */
export const FormEnd = ({ busy, action, onCancel }) => html`<footer>
  <button type="button" class="button" onClick=${onCancel}>Cancel</button>
  <button class="button primary" disabled=${busy}>${busy ? 'Please wait…' : action}</button>
</footer>`

/** Words in a text field, between commas or blanks, or on lines of their own. */
export const words = (text) => text.split(/[\s,]+/).filter(Boolean)

/** Texts in a text field, between commas, which may have blanks: `Lisbon 2024, cats`. */
export const texts = (text) => text.split(/[,\n]/).map((each) => each.trim()).filter(Boolean)

/** The moment in a `datetime-local` field, as the API takes it; null for an empty one. */
export const moment = (text) => (text ? new Date(text).toISOString() : null)

/** An API moment as a `datetime-local` field takes it, in the reader's own time. */
export function localMoment(value) {
  if (!value) return ''
  const date = new Date(value)
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16)
}
