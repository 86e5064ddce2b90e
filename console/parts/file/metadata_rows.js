import { html } from '../../vendor/preact.js'
import { Icon } from '../../lib/ui.js'
import { TYPES } from './draft.js'

const LONGEST_NAME = 128

/** Rows of a name, a type and a value. */
export function MetadataRows({ rows, onChange }) {
  const change = (index, part) => onChange(rows.map((row, at) => (at === index ? { ...row, ...part } : row)))
  const asType = (row, type) => ({ type, value: type === 'yes or no' ? (row.value === 'no' ? 'no' : 'yes') : row.value })
  return html`<fieldset class="metadata-rows">
    <legend>Metadata</legend>
    ${rows.map(
      (row, index) => html`<div key=${index} class="metadata-row">
        <input type="text" aria-label=${`Name of row ${index + 1}`} placeholder="Name" maxlength=${LONGEST_NAME} value=${row.name} onInput=${(event) => change(index, { name: event.target.value })} />
        <select aria-label=${`Type of row ${index + 1}`} value=${row.type} onChange=${(event) => change(index, asType(row, event.target.value))}>
          ${TYPES.map((type) => html`<option key=${type} value=${type} selected=${type === row.type}>${type}</option>`)}
        </select>
        ${row.type === 'yes or no'
          ? html`<select aria-label=${`Value of row ${index + 1}`} value=${row.value} onChange=${(event) => change(index, { value: event.target.value })}>
              <option value="yes" selected=${row.value === 'yes'}>yes</option><option value="no" selected=${row.value === 'no'}>no</option>
            </select>`
          : html`<input type="text" aria-label=${`Value of row ${index + 1}`} placeholder="Value" dir="auto" value=${row.value} onInput=${(event) => change(index, { value: event.target.value })} />`}
        <button type="button" class="icon-button" aria-label=${`Remove row ${index + 1}`} onClick=${() => onChange(rows.filter((_, at) => at !== index))}><${Icon} name="close" size="18" /></button>
      </div>`,
    )}
    <button type="button" class="button" onClick=${() => onChange([...rows, { name: '', type: 'text', value: '' }])}><${Icon} name="plus" size="16" /> Add a row</button>
  </fieldset>`
}
