import { html, useEffect, useRef, useState } from '../../vendor/preact.js'
import { api } from '../../lib/api.js'
import { tab } from '../../lib/storage.js'
import { rendition } from './addresses.js'

const COOKIES_FOR = 6 * 3600 // seconds

/**
 * Has the media element of `ref` play the record's stream: by hls.js where it runs, else by the browser itself. Nothing
 * is loaded before somebody plays. Gives {failure, again}: the sentence of a failure, or null, and a function that tries
 * once more from where it stopped.
 */
export function useStream(ref, file) {
  const [failure, setFailure] = useState(null)
  const [tries, setTries] = useState(0)
  const newest = useRef()
  const at = useRef(0) // seconds
  // A renewed signature reaches a stream that plays already.
  newest.current = file
  const source = rendition(file.record, 'hls')
  const address = source && file.record.delivery && `${file.record.delivery.base_url}${nameOf(source.url)}`
  useEffect(() => {
    const media = ref.current
    if (!media || !address) return undefined
    setFailure(null)
    let hls = null
    let ended = false
    const fail = (sentence) => {
      at.current = media.currentTime || at.current
      setFailure(sentence)
    }
    const begin = async () => {
      const { default: Hls } = await import('../../vendor/hls.js')
      if (ended) return
      if (Hls.isSupported()) hls = playing(Hls, media, address, { newest, fail, from: tries ? at.current : null })
      else if (media.canPlayType('application/vnd.apple.mpegurl')) await native(media, address, { file, fail })
      else fail('This browser can’t play the stream. Download the original to play it.')
    }
    begin().catch(() => fail('The player could not be loaded. Reload the page.'))
    return () => {
      ended = true
      hls?.destroy()
    }
  }, [address, tries])
  const again = async () => {
    await file.reload()
    setTries((count) => count + 1)
  }
  return { failure, again }
}

/** Says why a stream does not play, and offers to try it again. */
export const StreamNote = ({ stream }) =>
  stream.failure && html`<p class="stage-note" role="alert">${stream.failure} <button type="button" class="button" onClick=${stream.again}>Try again</button></p>`

const nameOf = (url) => new URL(url).pathname.split('/').at(-1)

/** `from` is the second from which it plays at once; null to wait until somebody plays. */
function playing(Hls, media, address, { newest, fail, from }) {
  const query = () => newest.current.record?.delivery?.query
  const hls = new Hls({
    autoStartLoad: false,
    // The segments are MP4 already, so there is nothing that a worker could do.
    enableWorker: false,
    // Captions are <track> elements of the page.
    subtitleTrackController: undefined,
    subtitleStreamController: undefined,
    timelineController: undefined,
    xhrSetup: (request, url) => request.open('GET', query() && !url.includes('?') ? `${url}?${query()}` : url),
  })
  hls.config.fragLoadPolicy.default.errorRetry.shouldRetry = (policy, count, late, answer, usual) =>
    usual || (answer?.code === 429 && count < policy.maxNumRetry)
  let tries = 0
  hls.on(Hls.Events.ERROR, (_, error) => {
    if (!error.fatal) return
    tries += 1
    if (error.type === Hls.ErrorTypes.MEDIA_ERROR && tries < 3) hls.recoverMediaError()
    else if (error.type === Hls.ErrorTypes.NETWORK_ERROR && tries < 3) goOn(error)
    else fail('This can’t be played now. Try again in a moment, or download the original.')
  })
  const goOn = async (error) => {
    // A signature that has ended needs a new one first, and anything else a moment.
    if (error.response?.code === 403) await newest.current.renew()
    await new Promise((done) => setTimeout(done, error.response?.code === 403 ? 100 : 2000 * tries))
    if (error.details === Hls.ErrorDetails.MANIFEST_LOAD_ERROR) hls.loadSource(address)
    hls.startLoad()
  }
  hls.loadSource(address)
  hls.attachMedia(media)
  let started = false
  const start = () => {
    if (!started) hls.startLoad()
    started = true
  }
  if (from != null) {
    hls.startLoad(from || -1)
    started = true
    media.play().catch(() => {}) // a browser may refuse to play by itself
  } else if (media.autoplay || !media.paused) start()
  else media.addEventListener('play', start, { once: true })
  // Somebody who seeks before they play wants to see the frame.
  media.addEventListener('seeking', start, { once: true })
  return hls
}

/** The cookie that removes a cookie, when somebody signs out. */
const endOf = (cookie) => `${cookie.replace(/=[^;]*/, '=').replace(/; (?:Max-Age|Expires|HttpOnly)[^;]*/gi, '')}; Max-Age=0`

/** A browser that plays HLS itself sends no query with a playlist's relative addresses, but it sends cookies. */
async function native(media, address, { file, fail }) {
  if (file.record.visibility === 'private') {
    const grant = await api.post(`/v1/files/${file.id}/grant`, { expires_in: COOKIES_FOR })
    // A script sets no cookie that is HttpOnly.
    for (const cookie of grant.cookies) document.cookie = cookie.replace('; HttpOnly', '')
    tab.set('cookies', [...new Set([...(tab.get('cookies') ?? []), ...grant.cookies.map(endOf)])])
  }
  media.onerror = () => fail('This can’t be played now. Try again in a moment, or download the original.')
  media.src = address
}
