import { html } from '../vendor/preact.js'

export default function Gallery() {
  return html`<div class="page"><h1>Files</h1></div>`
}
