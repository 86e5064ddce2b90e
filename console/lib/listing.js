import { api } from './api.js'
import { FIELDS, itemOf, matches, order } from './records.js'
import { createStore } from './store.js'

const FIRST = 40
const PAGE = 100
const FOUND = 100
const TOGETHER = 100 // ids in one `batch-get`
const SOON = 200 // milliseconds in which changed files are fetched together
const PATIENCE = 60_000 // milliseconds after which a file's addresses may be fetched anew once more

/**
 * The files of one query, as far as they were loaded, kept up to date by changes.
 *
 * `items` is in the order of the list. `state` is drawn from: it has `loading`, `done`, `problem`, `arrived` (how many
 * new files wait for `showArrived`) and a `version` that grows with every change of `items`.
 */
export class Listing {
  #after = null
  #arrived = []
  #wanted = new Set()
  #fetching = null
  #refreshed = new Map()
  #renewing = new Set()
  #gone = new Set()
  #aborter = new AbortController()

  constructor({ filters = {}, sort = '-created', q = null }) {
    this.filters = filters
    this.sort = sort
    this.q = q
    this.items = []
    this.places = new Map()
    this.state = createStore({ version: 0, loading: false, done: false, problem: null, arrived: 0 })
    this.compare = q === null ? order(sort) : null
    // True while the reader looks at something further down: a file that came first would push that away.
    this.holdsNew = false
    addEventListener('online', this.#retry)
  }

  close() {
    this.#aborter.abort()
    removeEventListener('online', this.#retry)
    clearTimeout(this.#fetching)
  }

  has = (id) => this.places.has(id)
  get = (id) => this.places.get(id)

  #say(change = {}) {
    this.state.set((old) => ({ ...old, version: old.version + 1, arrived: this.#arrived.length, ...change }))
  }

  #params(limit) {
    return { ...this.filters, sort: this.sort === '-created' ? undefined : this.sort, limit, fields: FIELDS }
  }

  /** Loads the next page. Pages may be empty, so it goes on until something came or the list has ended. */
  async more() {
    const { loading, done } = this.state.get()
    if (loading || done) return
    this.#say({ loading: true, problem: null })
    try {
      for (let ended = false, came = false; !came && !ended; ) {
        const { records, next } = this.q === null ? await this.#page() : await this.#search()
        came = this.#add(records.map((record) => itemOf(record)))
        this.#after = next
        ended = next === null
        if (came || ended) this.#say({ loading: false, done: ended })
      }
    } catch (problem) {
      if (!this.#aborter.signal.aborted) this.#say({ loading: false, problem })
    }
  }

  async #page() {
    const params = { ...this.#params(this.#after ? PAGE : FIRST), cursor: this.#after ?? undefined }
    const page = await api.get('/v1/files', params, { signal: this.#aborter.signal })
    return { records: page.items, next: page.next_cursor }
  }

  async #search() {
    const params = { q: this.q, limit: FOUND, fields: FIELDS }
    const found = await api.get('/v1/search', params, { signal: this.#aborter.signal })
    const records = found.items.map((each) => each.file)
    return { records: [...records, ...(await this.#records(found.omitted))], next: null }
  }

  /** The newest records of these ids; those that are gone are left out. */
  async #records(ids) {
    const records = []
    for (let left = ids; left.length; ) {
      const body = { ids: left.slice(0, TOGETHER), fields: FIELDS.split(',') }
      const answer = await api.post('/v1/files/batch-get', body, { signal: this.#aborter.signal })
      records.push(...answer.items)
      left = [...answer.omitted, ...left.slice(TOGETHER)]
      if (!answer.items.length && answer.omitted.length) break
    }
    return records
  }

  #add(items) {
    const fresh = items.filter((item) => !this.places.has(item.id) && !this.#gone.has(item.id) && this.#shows(item))
    for (const item of fresh) this.places.set(item.id, item)
    this.#arrived = this.#arrived.filter((item) => !this.places.has(item.id))
    this.items = [...this.items, ...fresh]
    return fresh.length > 0
  }

  #shows = (item) => (this.q === null ? matches(item, this.filters) : true)

  /** Reads the beginning of the list once more, for what changed while nobody told. */
  async refresh() {
    if (this.q !== null || !this.items.length) return
    try {
      const page = await api.get('/v1/files', this.#params(FIRST), { signal: this.#aborter.signal })
      for (const record of page.items) this.#put(itemOf(record))
      this.#say()
    } catch {
      // the next change, or the next reconnect, tries again
    }
  }

  /** Applies an event of the socket or the feed. */
  change({ id, record }) {
    if (!record) {
      this.drop([id])
      return
    }
    const old = this.places.get(id) ?? this.#arrived.find((item) => item.id === id) ?? null
    if (old && old.revision > record.revision) return
    const item = itemOf(record, { signed: false, old })
    if (!this.#put(item)) return
    if (record.renditions?.length && record.visibility !== 'public') this.#fetch(id)
    this.#say()
  }

  /** Puts a new or changed item where it belongs. Returns false if the list does not show it. */
  #put(item) {
    const old = this.places.get(item.id)
    if (this.#gone.has(item.id)) return false
    if (!this.#shows(item)) {
      this.drop([item.id])
      return false
    }
    if (old) {
      if (old.revision > item.revision) return false
      this.#replace(old, item)
      return true
    }
    const waiting = this.#arrived.findIndex((each) => each.id === item.id)
    if (waiting >= 0) {
      this.#arrived[waiting] = item
      return true
    }
    if (this.q !== null || !this.#reached(item)) return false
    if (this.holdsNew) this.#arrived.push(item)
    else this.#insert(item)
    return true
  }

  #replace(old, item) {
    const at = this.items.indexOf(old)
    this.items[at] = item
    this.places.set(item.id, item)
  }

  /** Is the item's place among what was loaded? If not, its page will bring it. */
  #reached(item) {
    const last = this.items.at(-1)
    return this.state.get().done || !last || this.compare(item, last) < 0
  }

  #insert(item) {
    let [low, high] = [0, this.items.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.compare(this.items[middle], item) < 0) low = middle + 1
      else high = middle
    }
    this.items.splice(low, 0, item)
    this.places.set(item.id, item)
  }

  showArrived() {
    const arrived = this.#arrived
    this.#arrived = []
    for (const item of arrived) if (!this.places.has(item.id) && this.#shows(item)) this.#insert(item)
    this.#say()
  }

  /** Takes items out; returns them, for `putBack`. */
  drop(ids) {
    const leaving = ids.map((id) => this.places.get(id)).filter(Boolean)
    this.#arrived = this.#arrived.filter((item) => !ids.includes(item.id))
    for (const { id } of leaving) this.places.delete(id)
    const gone = new Set(leaving)
    if (leaving.length) this.items = this.items.filter((item) => !gone.has(item))
    this.#say()
    return leaving
  }

  /** Files that are about to be deleted are not shown, whatever is heard of them. */
  hide(ids) {
    for (const id of ids) this.#gone.add(id)
    this.drop(ids)
  }

  unhide(items) {
    for (const item of items) {
      this.#gone.delete(item.id)
      if (this.places.has(item.id) || !this.#shows(item)) continue
      if (this.q === null) this.#insert(item)
      else {
        this.items = [...this.items, item]
        this.places.set(item.id, item)
      }
    }
    this.#say()
  }

  /** An item's picture could not be loaded: its address has ended. The record is fetched, at most once a minute. */
  renew(id) {
    const last = this.#refreshed.get(id)
    if (last && Date.now() - last < PATIENCE) return
    this.#refreshed.set(id, Date.now())
    this.#renewing.add(id)
    this.#fetch(id)
  }

  /** What could not be renewed, as after a night without a network, is asked for again when the network is back. */
  #retry = () => {
    for (const id of this.#renewing) this.#fetch(id)
  }

  #fetch(id) {
    this.#wanted.add(id)
    this.#fetching ??= setTimeout(() => this.#fetchWanted(), SOON)
  }

  async #fetchWanted() {
    const ids = [...this.#wanted].slice(0, TOGETHER)
    for (const id of ids) this.#wanted.delete(id)
    try {
      for (const record of await this.#records(ids)) {
        // The picture is loaded again even if its address is the same.
        const tries = (this.places.get(record.id)?.tries ?? 0) + this.#renewing.has(record.id)
        this.#put({ ...itemOf(record), tries })
      }
      for (const id of ids) this.#renewing.delete(id)
      this.#say()
    } catch {
      // The tiles keep their placeholders; the next change fetches again, and so does a tile that is seen again.
      for (const id of ids) this.#refreshed.delete(id)
    }
    this.#fetching = null
    if (this.#wanted.size && !this.#aborter.signal.aborted) this.#fetch([...this.#wanted][0])
  }
}
