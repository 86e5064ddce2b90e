import { html, useEffect, useRef, useState } from '../../vendor/preact.js'
import * as format from '../../lib/format.js'
import { Icon } from '../../lib/ui.js'
import { addressOf, pictureOf, rendition } from './addresses.js'
import { StreamNote, useStream } from './hls.js'
import { Picture } from './picture.js'

/** Captions as tracks. They are of the front door, as this page is, so a signature in the address is enough. */
export const tracks = (record) =>
  (record.captions ?? []).map(
    (each) =>
      html`<track
        key=${each.name}
        kind="captions"
        src=${addressOf(record, each.name)}
        srclang=${each.language}
        label=${each.label ?? each.language}
        default=${each.default}
      />`,
  )

/** A film with its poster, captions and chapters. `onFrame` is given where somebody may choose the poster. */
export function Video({ file, alt, onFrame = null }) {
  const { record } = file
  const player = useRef()
  const stream = useStream(player, file)
  const [started, setStarted] = useState(false)
  // The browser's own controls show a film that nothing is loaded of as one that loads for ever.
  const plays = Boolean(rendition(record, 'hls'))
  useEffect(() => {
    const media = player.current
    if (!media) return undefined
    const start = () => setStarted(true)
    for (const name of ['play', 'seeking']) media.addEventListener(name, start, { once: true })
    return () => {
      for (const name of ['play', 'seeking']) media.removeEventListener(name, start)
    }
  }, [plays])
  const play = () => {
    player.current.focus()
    player.current.play().catch(() => {}) // the stream says why
  }
  if (!plays) return html`<${Unplayable} file=${file} alt=${alt} />`
  const video = record.video ?? {}
  const shape = video.width ? { aspectRatio: `${video.width} / ${video.height}`, '--shape': video.width / video.height } : undefined
  return html`<div class="stage film">
    <div class="film-place">
    <video
      ref=${player}
      controls=${started}
      playsinline
      preload="none"
      poster=${pictureOf(record, 1280)}
      width=${video.width || undefined}
      height=${video.height || undefined}
      style=${shape}
      aria-label=${alt}
    >
      ${tracks(record)}
    </video>
    ${!started && html`<button type="button" class="film-play" aria-label="Play" onClick=${play}><span><${Icon} name="play" size="34" /></span></button>`}
    </div>
    <${StreamNote} stream=${stream} />
    ${(video.chapters?.length > 0 || onFrame) &&
    html`<div class="film-tools">
      <${Chapters} chapters=${video.chapters ?? []} player=${player} />
      ${onFrame && html`<${PosterButton} player=${player} onFrame=${onFrame} busy=${record.status === 'processing'} />`}
    </div>`}
  </div>`
}

function PosterButton({ player, onFrame, busy }) {
  const [time, setTime] = useState(0)
  useEffect(() => {
    const media = player.current
    const follow = () => setTime(media.currentTime)
    for (const name of ['timeupdate', 'seeking', 'pause']) media.addEventListener(name, follow)
    return () => {
      for (const name of ['timeupdate', 'seeking', 'pause']) media.removeEventListener(name, follow)
    }
  }, [])
  const choose = () => onFrame(Math.round((player.current?.currentTime ?? 0) * 1000) / 1000)
  return html`<button type="button" class="button" disabled=${busy} onClick=${choose}>
    <${Icon} name="image" size="18" /> <span>Use frame at <span class="number">${format.clock(time)}</span> as poster</span>
  </button>`
}

export function Chapters({ chapters, player }) {
  const [now, setNow] = useState(-1)
  useEffect(() => {
    const media = player.current
    const follow = () => setNow(chapters.findLastIndex((each) => each.start <= media.currentTime + 0.01))
    media?.addEventListener('timeupdate', follow)
    return () => media?.removeEventListener('timeupdate', follow)
  }, [chapters])
  if (!chapters.length) return null
  const go = (start) => {
    player.current.currentTime = start
    player.current.play().catch(() => {}) // a browser may refuse to play by itself
  }
  return html`<ol class="chapters" aria-label="Chapters">
    ${chapters.map(
      (chapter, index) => html`<li key=${index}>
        <button type="button" class="chapter" aria-current=${index === now ? 'true' : undefined} onClick=${() => go(chapter.start)}>
          <span class="number">${format.clock(chapter.start)}</span> <bdi>${chapter.title || `Chapter ${index + 1}`}</bdi>
        </button>
      </li>`,
    )}
  </ol>`
}

function Unplayable({ file, alt }) {
  return html`${file.record.preview
      ? html`<${Picture} file=${file} alt=${alt} />`
      : html`<div class="stage bare"><${Icon} name=${file.record.kind} size="64" /></div>`}
    <p class="viewer-note"><${Icon} name="info" size="18" /> This file doesn’t play here. Its warnings say why; the original can be downloaded.</p>`
}
