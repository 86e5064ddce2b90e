import { html, useState } from '../../vendor/preact.js'
import * as format from '../../lib/format.js'
import { Tabs } from './tabs.js'
import { ofSheets, parse } from './csv.js'
import { useText } from './text.js'

const SHOWN = 500 // rows in the page; the rest is in the text and the original

/** A table of a workbook's sheet or a CSV file. Columns are {name, type}. */
export function Table({ columns, rows, total, name }) {
  const shown = rows.slice(0, SHOWN)
  const wide = Math.max(columns.length, ...shown.map((row) => row.length), 1)
  const numeric = (index) => ['integer', 'number'].includes(columns[index]?.type)
  return html`<div class="scroller" tabindex="0" role="group" aria-label=${name}>
    <table class="cells">
      <caption class="unseen">${name}</caption>
      ${columns.length > 0 &&
      html`<thead><tr><td class="row-number" />
        ${Array.from({ length: wide }, (_, index) => html`<th key=${index} scope="col" title=${columns[index]?.type}><bdi>${columns[index]?.name ?? ''}</bdi></th>`)}
      </tr></thead>`}
      <tbody>
        ${shown.map(
          (row, place) => html`<tr key=${place}>
            <th class="row-number number" scope="row">${place + 1}</th>
            ${Array.from({ length: wide }, (_, index) => html`<td key=${index} class=${numeric(index) ? 'number to-end' : ''}><bdi>${row[index] ?? ''}</bdi></td>`)}
          </tr>`,
        )}
      </tbody>
    </table>
    ${!shown.length && html`<p class="hint pad">This sheet is empty.</p>`}
    ${total > shown.length && html`<p class="cut">The first ${format.plural(shown.length, 'row')}${Number.isFinite(total) ? ` of ${format.count(total)}` : ''} are shown. The original has all of them.</p>`}
  </div>`
}

/** A workbook: a tab for each sheet. All rows are shown if the text of the file tells them, else the first ones. */
export function Workbook({ file }) {
  const sheets = file.record.spreadsheet?.sheets ?? []
  const text = useText(file, 1024 * 1024)
  const [chosen, setChosen] = useState(0)
  if (!sheets.length) return html`<div class="stage bare"><p class="hint">The sheets of this file can’t be shown. The original can be downloaded.</p></div>`
  const whole = !text.busy && !text.failed && text.total > 0 && text.read >= text.total ? ofSheets(text.text, sheets) : null
  const sheet = sheets[chosen]
  const rows = whole?.[chosen] ?? sheet.first_rows ?? []
  const total = Math.max(0, (sheet.rows ?? 0) - (sheet.header?.length ? 1 : 0))
  const tabs = sheets.map((each, index) => ({ id: String(index), label: each.name || `Sheet ${index + 1}` }))
  return html`<div class="stage table">
    <${Tabs} label="Sheets" tabs=${tabs} chosen=${String(chosen)} onChoose=${(id) => setChosen(Number(id))} panel="sheet" className="sheets">
      <${Table} key=${chosen} name=${sheet.name || `Sheet ${chosen + 1}`} columns=${sheet.header ?? []} rows=${rows} total=${total} />
    <//>
  </div>`
}

/** A CSV file, from the first piece of its text. */
export function CsvTable({ file }) {
  const { text: facts, filename } = file.record
  const text = useText(file)
  const { rows } = parse(text.text, facts.delimiter ?? ',')
  const header = (facts.columns ?? []).length > 0 && facts.columns.every((each, index) => !each.name || each.name === (rows[0]?.[index] ?? '').trim())
  const total = facts.rows ?? (text.read < text.total ? Infinity : rows.length)
  if (text.failed) return html`<div class="stage bare"><p class="note danger" role="alert">The table can’t be loaded. <button type="button" class="button" onClick=${text.more}>Try again</button></p></div>`
  return html`<div class="stage table">
    ${text.busy ? html`<p class="hint pad" role="status">Loading …</p>` : html`<${Table} name=${filename} columns=${facts.columns ?? []} rows=${header ? rows.slice(1) : rows} total=${total} />`}
  </div>`
}
