import { html, useState } from '../../vendor/preact.js'
import { api } from '../../lib/api.js'
import { Dialog, ProblemNote, toast } from '../../lib/ui.js'
import { pictureOf } from './addresses.js'

const MIDDLE = { x: 0.5, y: 0.5 }

const within = (value) => Math.min(1, Math.max(0, Math.round(value * 1000) / 1000))

/** The place of a click in an element, as parts (0 to 1) of its width and height. */
export function partOf(event, element) {
  const box = element.getBoundingClientRect()
  return { x: within((event.clientX - box.left) / box.width), y: within((event.clientY - box.top) / box.height) }
}

/** Chooses the point of a picture that crops keep: by a click, or by two sliders with the keyboard. */
export function FocusDialog({ file, alt, onClose }) {
  const { record } = file
  const [point, setPoint] = useState(record.focus ?? MIDDLE)
  const [problem, setProblem] = useState(null)
  const [busy, setBusy] = useState(false)
  async function save(focus) {
    setBusy(true)
    setProblem(null)
    try {
      file.put(await api.request('PATCH', `/v1/files/${file.id}`, { body: { focus }, ifMatch: file.etag }))
      toast(focus ? 'The focal point is saved' : 'The focal point is the middle again')
      onClose()
    } catch (refused) {
      if (refused.status === 412) {
        file.reload()
        setProblem({ ...refused, detail: 'Somebody changed this file meanwhile. Look at it again, then save.' })
      } else setProblem(refused)
      setBusy(false)
    }
  }
  const slider = (axis, label) => html`<div class="slider">
    <label for=${`focus-${axis}`}>${label}</label>
    <span class="number" aria-hidden="true">${Math.round(point[axis] * 100)}%</span>
    <input
      id=${`focus-${axis}`}
      type="range"
      min="0"
      max="100"
      step="1"
      value=${Math.round(point[axis] * 100)}
      aria-valuetext=${`${Math.round(point[axis] * 100)}%`}
      onInput=${(event) => setPoint({ ...point, [axis]: Number(event.target.value) / 100 })}
    />
  </div>`
  return html`<${Dialog} title="Focal point" wide=${true} onClose=${onClose}>
    <p class="hint">Crops keep this point. Click it in the picture, or move the sliders.</p>
    <div class="focus-picture">
      <div class="focus-frame" onClick=${(event) => setPoint(partOf(event, event.currentTarget))}>
        <img src=${pictureOf(record, 960)} alt=${alt} draggable=${false} onError=${file.renew} />
        <span class="focus-mark" style=${{ left: `${point.x * 100}%`, top: `${point.y * 100}%` }} />
      </div>
    </div>
    <div class="sliders">${slider('x', 'From the left')}${slider('y', 'From the top')}</div>
    <${ProblemNote} problem=${problem} />
    <footer>
      ${record.focus && html`<button type="button" class="button" disabled=${busy} onClick=${() => save(null)}>Remove it</button>`}
      <button type="button" class="button" onClick=${onClose}>Cancel</button>
      <button type="button" class="button primary" disabled=${busy} onClick=${() => save(point)}>Save</button>
    </footer>
  <//>`
}
