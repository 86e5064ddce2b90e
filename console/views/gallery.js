import { html, useEffect, useLayoutEffect, useMemo, useState } from '../vendor/preact.js'
import { api } from '../lib/api.js'
import { rememberList } from '../lib/came_from.js'
import { deleteFiles, followDeletion } from '../lib/deletion.js'
import { plural } from '../lib/format.js'
import { Listing } from '../lib/listing.js'
import { listen } from '../lib/live.js'
import { navigate } from '../lib/router.js'
import { createSelection } from '../lib/selection.js'
import { session } from '../lib/session.js'
import { kept } from '../lib/storage.js'
import { createStore, useStore } from '../lib/store.js'
import { Empty, Icon, ProblemNote } from '../lib/ui.js'
import { pick } from '../parts/drop.js'
import { Filters, listQuery } from '../parts/filters.js'
import { Grid } from '../parts/grid.js'
import { SelectionBar } from '../parts/selection_bar.js'

const layout = createStore(kept.get('layout') === 'list' ? 'list' : 'grid')
layout.subscribe((value) => kept.set('layout', value))

// The list that was seen last, for who comes back from a file's page: the same place, without loading anything.
let last = null

function opened(key, query) {
  if (last?.key !== key) {
    last?.listing.close()
    const { filters, sort } = listQuery(query)
    const listing = new Listing(query.q ? { q: query.q } : { filters, sort })
    last = { key, listing, selection: createSelection(), scroll: 0 }
  }
  return last
}

listen({
  onChange(change) {
    last?.listing.change(change)
    if (!change.record) last?.selection.drop([change.id])
  },
  onGap: () => last?.listing.refresh(),
})

const leaving = new Map()
followDeletion({
  hidden(ids) {
    for (const id of ids) leaving.set(id, true)
    last?.listing.hide(ids)
    last?.selection.drop(ids)
  },
  shown(items) {
    for (const { id } of items) leaving.delete(id)
    last?.listing.unhide(items)
  },
})

session.state.subscribe(({ me }) => {
  if (me) return
  last?.listing.close()
  last = null
})

export default function Gallery({ query }) {
  const key = JSON.stringify([session.tenant, query])
  const here = useMemo(() => opened(key, query), [key])
  const { listing, selection } = here
  const { loading, done, problem, arrived } = useStore(listing.state)
  const { ids, mode } = useStore(selection.state)
  const shape = useStore(layout)
  const { filtered } = listQuery(query)
  const empty = done && listing.items.length === 0

  useEffect(() => {
    rememberList({ ids: () => listing.items.map((item) => item.id), back: location.hash || '#/' })
  }, [listing])
  useLayoutEffect(() => {
    listing.hide([...leaving.keys()])
    scrollTo({ top: here.scroll, behavior: 'instant' })
    const keep = () => (here.scroll = scrollY)
    addEventListener('scroll', keep, { passive: true })
    return () => removeEventListener('scroll', keep)
  }, [here])

  if (!session.reads) return html`<${WriteOnly} />`
  const remove = (items) => {
    const held = items.filter((item) => item.held)
    deleteFiles(items.filter((item) => !item.held || items.length === held.length))
  }
  const choosing = ids.size > 0 || mode
  return html`<div class="gallery">
    <div class=${`gallery-head ${choosing ? 'choosing' : ''}`}>
      ${choosing
        ? html`<h1 class="unseen">Files</h1><${SelectionBar} listing=${listing} selection=${selection} onDelete=${session.writes ? remove : () => {}} />`
        : html`<${Head} query=${query} listing=${listing} filtered=${filtered} empty=${empty} selection=${selection} shape=${shape} />`}
    </div>
    ${arrived > 0 &&
    html`<button type="button" class="button primary arrived" onClick=${() => {
      scrollTo({ top: 0 })
      listing.showArrived()
    }}>
      <${Icon} name="arrow" size="16" /> ${plural(arrived, 'new file')}
    </button>`}
    ${empty
      ? html`<${Nothing} query=${query} filtered=${filtered} />`
      : html`<${Grid}
          key=${key}
          listing=${listing}
          selection=${selection}
          layout=${shape}
          label=${query.q ? 'Found files' : 'Files'}
          onOpen=${(item) => navigate(`/files/${item.id}`)}
          onDelete=${session.writes ? remove : () => {}}
        />`}
    ${problem && html`<${ProblemNote} problem=${problem} retry=${() => listing.more()} />`}
    <p class="unseen" role="status">${loading && !listing.items.length ? 'Loading files' : ''}</p>
  </div>`
}

function Head({ query, listing, filtered, empty, selection, shape }) {
  const { done, version } = useStore(listing.state)
  const [total, setTotal] = useState(null)
  useEffect(() => {
    if (query.q || filtered || !session.has('files:read')) return undefined
    let stopped = false
    // The count follows the list by a moment.
    const timer = setTimeout(() => {
      api.get('/v1/stats').then((stats) => stopped || setTotal(stats.files - (stats.by_status.expired?.files ?? 0)), () => {})
    }, 600)
    return () => {
      stopped = true
      clearTimeout(timer)
    }
  }, [query.q, filtered, version])
  const known = query.q || filtered ? (done ? listing.items.length : null) : total
  const title = query.q ? html`Results for “<bdi>${query.q}</bdi>”` : 'Files'
  const switched = shape === 'grid' ? 'list' : 'grid'
  return html`<div class="title-row">
      <h1>${title}</h1>
      ${known != null && known > 0 && html`<span class="hint number">${plural(known, 'file')}</span>`}
      <span class="spacer" />
      ${!empty &&
      html`<button type="button" class="button quiet" onClick=${() => selection.begin()}><${Icon} name="check" size="18" /> Choose</button>
        <button type="button" class="icon-button" aria-label=${`Show as ${switched === 'grid' ? 'a grid' : 'a list'}`} title=${`Show as ${switched === 'grid' ? 'a grid' : 'a list'}`} onClick=${() => layout.set(switched)}>
          <${Icon} name=${switched === 'grid' ? 'files' : 'list'} />
        </button>`}
    </div>
    ${!query.q && (!empty || filtered) && html`<${Filters} query=${query} />`}`
}

function Nothing({ query, filtered }) {
  if (query.q) {
    return html`<${Empty} icon="search" title="Nothing was found">
      <p>A file is found by words of its name, its tags, and the text inside it. The beginning of a word is enough.</p>
      <a class="button" href="#/">Show all files</a>
    <//>`
  }
  if (filtered) {
    return html`<${Empty} icon="filter" title="No file passes these filters">
      <a class="button" href="#/">Show all files</a>
    <//>`
  }
  return html`<${Empty} icon="upload" title="Drop your first files here">
    <p>Pictures, films, documents, anything. Each becomes thumbnails, web formats and searchable text in a moment.</p>
    ${session.writes && html`<button type="button" class="button primary" onClick=${() => pick()}><${Icon} name="upload" size="18" /> Choose files</button>`}
    <p class="hint">Or paste a picture, or run <code>filemill upload photo.jpg</code>.</p>
  <//>`
}

function WriteOnly() {
  return html`<${Empty} icon="upload" title="This key uploads only">
    <p>It has no right to see files. Drop files here to send them.</p>
    ${session.writes && html`<button type="button" class="button primary" onClick=${() => pick()}>Choose files</button>`}
  <//>`
}
