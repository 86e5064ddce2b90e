import { html, useEffect, useRef, useState } from '../../vendor/preact.js'
import * as format from '../../lib/format.js'
import { Icon } from '../../lib/ui.js'
import { rendition } from './addresses.js'
import { fetchFresh } from './fresh.js'

export const PIECE = 256 * 1024 // bytes that are read at once

const addressOfText = (record) => rendition(record, 'text', 'txt')?.url

/**
 * The text of a record's `text.txt`, a piece at a time: {text, read, total, failed, busy, more}. `read` and `total` are
 * bytes.
 */
export function useText(file, piece = PIECE) {
  const source = rendition(file.record, 'text', 'txt')
  const [state, setState] = useState({ text: '', read: 0, failed: false, busy: true })
  const [tries, setTries] = useState(0)
  const decoder = useRef(null)
  // The address changes when it is renewed; the bytes of one path never do.
  const path = source && new URL(source.url).pathname
  const newest = useRef()
  newest.current = file
  const total = source?.size ?? 0

  const load = async (begin, signal) => {
    setState((old) => ({ ...old, busy: true, failed: false }))
    try {
      const end = Math.min(begin + piece, total)
      const answer = await fetchFresh(newest.current, addressOfText, { headers: { Range: `bytes=${begin}-${end - 1}` }, signal })
      if (!answer.ok) throw Object.assign(new Error(), { status: answer.status })
      const bytes = new Uint8Array(await answer.arrayBuffer())
      const whole = answer.status === 200
      // A server that knows no ranges sends all of it: then that much is shown and no more.
      const part = whole ? bytes.subarray(begin, end) : bytes
      const text = decoder.current.decode(part, { stream: end < total })
      setState((old) => ({ text: old.text + text, read: end, busy: false, failed: false }))
    } catch (problem) {
      if (problem.name === 'AbortError') return
      setState((old) => ({ ...old, busy: false, failed: true }))
    }
  }
  useEffect(() => {
    if (!path) return undefined
    const stop = new AbortController()
    decoder.current = new TextDecoder('utf-8')
    setState({ text: '', read: 0, failed: false, busy: true })
    if (total) load(0, stop.signal)
    else setState({ text: '', read: 0, failed: false, busy: false })
    return () => stop.abort()
  }, [path])
  // Tried again by itself with a renewed signature.
  useEffect(() => {
    if (state.failed) load(state.read)
  }, [source?.url, tries])
  const again = () => file.reload().then(() => setTries((count) => count + 1))
  return { ...state, total, exists: Boolean(source), more: () => (state.failed ? again() : load(state.read)) }
}

/** A file's text, a piece at a time, with a notice where there is more. */
export function Text({ file, plain = false }) {
  const text = useText(file)
  const [wrap, setWrap] = useState(true)
  const cut = file.record.warnings?.find((each) => each.code === 'text_cut')
  if (!text.exists) return html`<div class="stage bare"><p class="hint">There is no text in this file that could be shown.</p></div>`
  return html`<div class=${`stage text ${plain ? 'plain-text' : ''}`}>
    <div class="scroller" tabindex="0" role="group" aria-label="Text">
      <pre dir="auto" class=${wrap ? 'wrap' : ''}>${text.text}</pre>
      ${text.busy && html`<p class="hint" role="status">Loading …</p>`}
      ${text.failed && html`<p class="note danger" role="alert">The text can’t be loaded. <button type="button" class="button" onClick=${text.more}>Try again</button></p>`}
      ${!text.busy && !text.failed && text.read < text.total &&
      html`<p class="cut">
        <span>${format.bytes(text.read)} of ${format.bytes(text.total)} are shown.</span>
        <button type="button" class="button" onClick=${text.more}>Show more</button>
      </p>`}
      ${!text.busy && text.read >= text.total && cut && html`<p class="cut"><${Icon} name="info" size="18" /> The text goes on in the original: ${cut.message}</p>`}
      ${!text.busy && !text.total && html`<p class="hint">There are no words in it.</p>`}
    </div>
    ${!plain && html`<div class="stage-tools"><label class="check"><input type="checkbox" checked=${wrap} onChange=${() => setWrap(!wrap)} /> Wrap lines</label></div>`}
  </div>`
}
