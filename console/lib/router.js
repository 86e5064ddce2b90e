import { createStore } from './store.js'

// An id becomes a piece of the API's paths: one such as `..%2Fkeys%2F1` would lead a click to another resource.
const ROUTES = [
  ['gallery', /^\/$/],
  ['search', /^\/search$/],
  ['file', /^\/files\/(?<id>[A-Za-z0-9_-]{1,128})$/],
  ['keys', /^\/keys$/],
  ['tokens', /^\/tokens$/],
  ['webhooks', /^\/webhooks$/],
  ['webhook', /^\/webhooks\/(?<id>[A-Za-z0-9_-]{1,128})$/],
  ['usage', /^\/usage$/],
  ['audit', /^\/audit$/],
  ['sign-in', /^\/sign-in$/],
]

/** The route of a hash such as `#/files/file_01K…?tab=text`: `{name, path, params, query}`; name null for a wrong one. */
export function parse(hash) {
  const [path, search = ''] = (hash.replace(/^#/, '') || '/').split(/\?(.*)/s)
  // `tag` may stand there more than once, so it is always a list.
  const given = new URLSearchParams(search)
  const query = { ...Object.fromEntries(given), ...(given.has('tag') && { tag: given.getAll('tag') }) }
  for (const [name, pattern] of ROUTES) {
    const match = pattern.exec(path)
    if (match) {
      return { name, path, params: { ...match.groups }, query }
    }
  }
  return { name: null, path, params: {}, query }
}

export const route = createStore(parse(location.hash))
addEventListener('hashchange', () => route.set(parse(location.hash)))

/** The address of a path with a query: `href('/search', {q: 'cats'})` is `#/search?q=cats`. */
export function href(path, query = {}) {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    for (const each of [value].flat()) if (each !== undefined && each !== null && each !== '') search.append(name, each)
  }
  const text = search.toString()
  return `#${path}${text ? `?${text}` : ''}`
}

/** Leads to a path of the console; `replace` leaves no step for the Back button. */
export function navigate(path, query, { replace = false } = {}) {
  const target = href(path, query)
  if (!replace) {
    location.hash = target
    return
  }
  history.replaceState(null, '', location.pathname + location.search + target)
  route.set(parse(target))
}
