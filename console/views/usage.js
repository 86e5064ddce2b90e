import { html, useEffect, useState } from '../vendor/preact.js'
import { api } from '../lib/api.js'
import { bytes, count, day as dayText, KINDS, plural } from '../lib/format.js'
import { session } from '../lib/session.js'
import { Bytes, ProblemNote, Progress, Time } from '../lib/ui.js'
import { Lacks, PageHead } from '../parts/manage.js'

const DAYS = 90
const DAY = 86_400_000

const QUOTAS = {
  stored_bytes: ['Stored bytes', bytes],
  files: ['Files', count],
  uploaded_bytes_per_day: ['Uploaded today', bytes],
  renders_per_day: ['Renditions made on demand today', count],
  requests_per_minute: ['Requests in a minute', count],
}

const METRICS = {
  uploaded_bytes: ['Uploaded bytes', bytes],
  uploaded_files: ['Uploaded files', count],
  deleted_bytes: ['Deleted bytes', bytes],
  deleted_files: ['Deleted files', count],
  renders: ['Renditions made on demand', count],
  requests: ['Requests', count],
  delivered_bytes: ['Delivered bytes', bytes],
  delivered_requests: ['Delivered requests', count],
}

export default function Usage() {
  return session.has('files:read') ? html`<${Page} />` : html`<${Lacks} title="Usage" scope="files:read" />`
}

function Page() {
  const [usage, setUsage] = useState(null)
  const [problem, setProblem] = useState(null)
  const load = () => {
    setProblem(null)
    api.get('/v1/usage').then(setUsage, setProblem)
  }
  useEffect(load, [])
  return html`<div class="page manage">
    <${PageHead} title="Usage" text="Deleted and expired files do not count. Days are in UTC." />
    <${ProblemNote} problem=${problem} retry=${load} />
    ${!usage && !problem && html`<p role="status">Loading…</p>`}
    ${usage &&
    html`<div class="tiles">
        <div class="card tile-number"><span class="hint">Stored</span> <strong class="number">${bytes(usage.bytes)}</strong></div>
        <div class="card tile-number"><span class="hint">Files</span> <strong class="number">${count(usage.files)}</strong></div>
      </div>
      <${Quotas} quotas=${usage.quotas} />
      <${Kinds} kinds=${usage.by_kind} total=${usage.bytes} />
      <${History} days=${usage.days} />`}
  </div>`
}

function Quotas({ quotas }) {
  const all = Object.entries(quotas)
  return html`<section class="card stack" aria-labelledby="quotas">
    <h2 id="quotas">Quotas</h2>
    ${!all.length && html`<p class="hint">Your tenant has no quotas.</p>`}
    ${all.map(([name, { limit, used, resets_at }]) => {
      const [text, shown] = QUOTAS[name] ?? [name, count]
      const part = used == null ? null : limit ? used / limit : 1
      const level = part >= 1 ? 'danger' : part >= 0.8 ? 'warn' : ''
      return html`<div key=${name} class=${`quota ${level}`}>
        <p class="spread"><span>${text}</span> <span class="number">${used == null ? `${shown(limit)} at most` : `${shown(used)} of ${shown(limit)}`}</span></p>
        ${part != null && html`<${Progress} value=${part} label=${text} />`}
        <p class="hint">${level === 'danger' ? 'Nothing is left. ' : ''}${resets_at && used != null ? html`Begins anew <${Time} value=${resets_at} />.` : ''}</p>
      </div>`
    })}
  </section>`
}

function Kinds({ kinds, total }) {
  const all = Object.entries(kinds).sort(([, one], [, other]) => other.bytes - one.bytes)
  if (!all.length) return null
  return html`<section class="card stack" aria-labelledby="kinds">
    <h2 id="kinds">By kind</h2>
    <table class="kinds">
      <thead><tr><th scope="col">Kind</th><th scope="col" class="end">Files</th><th scope="col" class="end">Size</th><td class="bar-cell" /></tr></thead>
      <tbody>
        ${all.map(([kind, { files, bytes: size }]) => html`<tr key=${kind}>
          <th scope="row">${KINDS[kind] ?? (kind === 'unknown' ? 'Not processed yet' : kind)}</th>
          <td class="end number">${count(files)}</td>
          <td class="end"><${Bytes} value=${size} /></td>
          <td class="bar-cell" aria-hidden="true"><span class="bar-of"><span style=${{ inlineSize: `${total ? (100 * size) / total : 0}%` }} /></span></td>
        </tr>`)}
      </tbody>
    </table>
  </section>`
}

/** Each of the last 90 days, the oldest first; days without use have no numbers. */
function calendar(days, today = Date.now()) {
  const known = new Map(days.map((each) => [each.day, each]))
  return Array.from({ length: DAYS }, (_, index) => {
    const day = new Date(today - (DAYS - 1 - index) * DAY).toISOString().slice(0, 10)
    return known.get(day) ?? { day }
  })
}

function History({ days }) {
  const metrics = Object.entries(METRICS).filter(([name]) => name.startsWith('uploaded') || days.some((each) => each[name]))
  const [metric, setMetric] = useState('uploaded_bytes')
  const [text, shown] = METRICS[metric]
  const all = calendar(days)
  const most = Math.max(...all.map((each) => each[metric] ?? 0))
  const sum = all.reduce((total, each) => total + (each[metric] ?? 0), 0)
  const busiest = all.find((each) => most > 0 && each[metric] === most)
  return html`<section class="card stack" aria-labelledby="history">
    <div class="page-head">
      <h2 id="history">The last ${DAYS} days</h2>
      <label class="row"><span class="hint">Show</span>
        <select value=${metric} onChange=${(event) => setMetric(event.target.value)}>
          ${metrics.map(([name, [words]]) => html`<option key=${name} value=${name} selected=${name === metric}>${words}</option>`)}
        </select>
      </label>
    </div>
    <figure class="chart">
      <figcaption class="spread hint"><span>${shown(sum)} in all</span> ${busiest && html`<span>${shown(most)} at most, on ${dayText(busiest.day)}</span>`}</figcaption>
      <svg viewBox=${`0 0 ${DAYS * 10} 200`} preserveAspectRatio="none" role="img" aria-label=${`${text} on each of the last ${DAYS} days: ${shown(sum)} in all${busiest ? `, ${shown(most)} at most on ${dayText(busiest.day)}` : ''}. The table below has each day.`}>
        ${all.map((each, index) => {
          const height = most ? (196 * (each[metric] ?? 0)) / most : 0
          return html`<rect key=${each.day} x=${index * 10 + 1} y=${200 - Math.max(height, 2)} width="8" height=${Math.max(height, 2)} class=${height ? 'bar-day' : 'bar-day none'}><title>${`${dayText(each.day)}: ${shown(each[metric] ?? 0)}`}</title></rect>`
        })}
      </svg>
      <div class="spread hint" aria-hidden="true"><span>${dayText(all[0].day)}</span><span>Today</span></div>
    </figure>
    <details>
      <summary>${plural(days.length, 'day')} with use, as a table</summary>
      <div class="table-frame" tabindex="0" role="region" aria-label="Use by day">
        <table>
          <thead><tr><th scope="col">Day</th>${metrics.map(([name, [words]]) => html`<th key=${name} scope="col" class="end">${words}</th>`)}</tr></thead>
          <tbody>
            ${[...days].reverse().map((each) => html`<tr key=${each.day}>
              <th scope="row">${dayText(each.day)}</th>
              ${metrics.map(([name, [, words]]) => html`<td key=${name} class="end number">${each[name] == null ? '–' : words(each[name])}</td>`)}
            </tr>`)}
          </tbody>
        </table>
      </div>
    </details>
  </section>`
}
