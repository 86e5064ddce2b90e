import { kept } from './storage.js'
import { createStore } from './store.js'

export const THEMES = ['system', 'light', 'dark']

/** `system`, `light` or `dark`. */
export const theme = createStore(THEMES.includes(kept.get('theme')) ? kept.get('theme') : 'system')

function apply(value) {
  if (value === 'system') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = value
  kept.set('theme', value === 'system' ? null : value)
}

apply(theme.get())
theme.subscribe(apply)
