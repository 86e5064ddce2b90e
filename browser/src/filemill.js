// Filemill in a page: uploads that survive a lost network and a reload, and files whose changes are told as they happen.
// `make browser` makes filemill.js, which is served, of these modules. README.md explains how to use it.

import { Core } from './api.js'
import { Follow } from './follow.js'
import { memory } from './memory.js'
import { Upload } from './upload.js'

export { FilemillError } from './errors.js'

export class Filemill {
  #core

  constructor(options = {}) {
    this.#core = new Core(options)
    this.url = this.#core.url
  }

  async request(method, path, options) {
    return (await this.answer(method, path, options)).data
  }

  answer(method, path, { body, query, headers, signal, keepalive, retries, credential } = {}) {
    const given = credential && (async () => credential)
    return this.#core.ask(method, path, { body, query, headers, signal, keepalive, retries, credential: given })
  }

  forget() {
    memory.forget(this.url)
  }

  upload(file, options = {}) {
    return new Upload(this.#core, file, options)
  }

  follow(options = {}) {
    return new Follow(this.#core, options)
  }
}
