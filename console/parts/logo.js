import { html } from '../vendor/preact.js'

export const Logo = () => html`<svg class="logo" width="28" height="28" viewBox="0 0 32 32" aria-hidden="true">
  <rect width="32" height="32" rx="8" />
  <path d="M9 8h14v4H13v3h8v4h-8v6H9z" />
</svg>`
