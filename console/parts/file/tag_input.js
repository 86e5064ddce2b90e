import { html, useRef, useState } from '../../vendor/preact.js'
import { announce, Icon } from '../../lib/ui.js'

export const MOST_TAGS = 20
const LONGEST = 64

/** Tags as chips. Enter or a comma adds one; Backspace in an empty field takes the last away. */
export function TagInput({ id, tags, onChange, describedBy }) {
  const [text, setText] = useState('')
  const input = useRef()
  const add = (given) => {
    const tag = given.trim().slice(0, LONGEST)
    setText('')
    if (!tag || tags.includes(tag) || tags.length >= MOST_TAGS) return
    onChange([...tags, tag])
    announce(`Tag ${tag} added`)
  }
  const remove = (tag) => {
    onChange(tags.filter((each) => each !== tag))
    announce(`Tag ${tag} removed`)
    input.current.focus()
  }
  const key = (event) => {
    if ((event.key === 'Enter' || event.key === ',') && text.trim()) {
      event.preventDefault()
      add(text)
    } else if (event.key === 'Backspace' && !text && tags.length) remove(tags.at(-1))
  }
  return html`<div class="tag-input" onClick=${(event) => event.target === event.currentTarget && input.current.focus()}>
    ${tags.map(
      (tag) => html`<span key=${tag} class="file-chip"><bdi>${tag}</bdi>
        <button type="button" class="chip-remove" aria-label=${`Remove the tag ${tag}`} onClick=${() => remove(tag)}><${Icon} name="close" size="14" /></button>
      </span>`,
    )}
    <input
      id=${id}
      ref=${input}
      type="text"
      maxlength=${LONGEST}
      autocomplete="off"
      placeholder=${tags.length ? '' : 'Add a tag'}
      aria-describedby=${describedBy}
      disabled=${tags.length >= MOST_TAGS}
      value=${text}
      onInput=${(event) => setText(event.target.value)}
      onKeyDown=${key}
      onBlur=${() => add(text)}
    />
  </div>`
}
