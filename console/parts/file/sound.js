import { html, useEffect, useRef, useState } from '../../vendor/preact.js'
import * as format from '../../lib/format.js'
import { Icon } from '../../lib/ui.js'
import { pictureOf, rendition } from './addresses.js'
import { fetchFresh } from './fresh.js'
import { StreamNote, useStream } from './hls.js'
import { useSize } from './picture.js'
import { Chapters, tracks } from './video.js'
import { bars } from './waveform.js'

/** A sound: its cover, its waveform to seek in, and the browser's own controls. */
export function Sound({ file, alt }) {
  const { record } = file
  const player = useRef()
  const stream = useStream(player, file)
  const audio = record.audio ?? {}
  const cover = audio.cover ? pictureOf(record, 320) : null
  const plays = Boolean(rendition(record, 'hls'))
  return html`<div class="stage sound">
    <div class="sound-head">
      ${cover ? html`<img class="cover" src=${cover} alt="" onError=${file.renew} />` : html`<span class="cover"><${Icon} name="audio" size="36" /></span>`}
      <div>
        <p class="sound-title"><bdi>${audio.title || record.filename}</bdi></p>
        ${(audio.artist || audio.album) && html`<p class="hint"><bdi>${[audio.artist, audio.album].filter(Boolean).join(' · ')}</bdi></p>`}
      </div>
    </div>
    <${Waveform} file=${file} player=${player} duration=${audio.duration} plays=${plays} />
    ${plays
      ? html`<audio ref=${player} controls preload="none" aria-label=${alt}>${tracks(record)}</audio>`
      : html`<p class="hint">This sound doesn’t play here. Its warnings say why; the original can be downloaded.</p>`}
    <${StreamNote} stream=${stream} />
    ${audio.chapters?.length > 0 && html`<${Chapters} chapters=${audio.chapters} player=${player} />`}
  </div>`
}

function Waveform({ file, player, duration, plays }) {
  const source = rendition(file.record, 'waveform', 'json')
  const [values, setValues] = useState(null)
  const [time, setTime] = useState(0)
  const canvas = useRef()
  const frame = useRef()
  const size = useSize(frame)
  useEffect(() => {
    if (!source) return undefined
    const stop = new AbortController()
    fetchFresh(file, (record) => rendition(record, 'waveform', 'json')?.url, { signal: stop.signal })
      .then((answer) => (answer.ok ? answer.json() : Promise.reject(answer.status)))
      .then((answer) => setValues(answer))
      .catch(() => {}) // the player works without it
    return () => stop.abort()
  }, [source && new URL(source.url).pathname])
  useEffect(() => {
    const media = player.current
    if (!media) return undefined
    const follow = () => setTime(media.currentTime)
    for (const name of ['timeupdate', 'seeking']) media.addEventListener(name, follow)
    return () => {
      for (const name of ['timeupdate', 'seeking']) media.removeEventListener(name, follow)
    }
  }, [plays])
  useEffect(() => {
    if (values && size.width) draw(canvas.current, bars(values, Math.floor(size.width / 4)), duration ? time / duration : 0)
  }, [values, size.width, time])
  const seek = (second) => {
    const to = Math.min(Math.max(second, 0), duration)
    player.current.currentTime = to
    setTime(to)
  }
  const keys = { ArrowRight: 5, ArrowUp: 5, ArrowLeft: -5, ArrowDown: -5, PageUp: 30, PageDown: -30, Home: -Infinity, End: Infinity }
  const key = (event) => {
    if (!(event.key in keys)) return
    event.preventDefault()
    event.stopPropagation()
    seek(time + keys[event.key])
  }
  if (!source || !duration) return null
  const seekable = plays && {
    role: 'slider',
    tabindex: 0,
    'aria-label': 'Position',
    'aria-valuemin': 0,
    'aria-valuemax': Math.round(duration),
    'aria-valuenow': Math.round(time),
    'aria-valuetext': `${format.clock(time)} of ${format.clock(duration)}`,
    onKeyDown: key,
    onClick: (event) => seek(((event.clientX - frame.current.getBoundingClientRect().left) / size.width) * duration),
  }
  return html`<div class="waveform" ref=${frame} ...${seekable || {}}>
    <canvas ref=${canvas} aria-hidden="true" />
  </div>`
}

function draw(canvas, heights, played) {
  const ratio = devicePixelRatio || 1
  const { clientWidth: width, clientHeight: height } = canvas
  canvas.width = width * ratio
  canvas.height = height * ratio
  const context = canvas.getContext('2d')
  context.scale(ratio, ratio)
  const style = getComputedStyle(canvas)
  const step = width / heights.length
  heights.forEach((part, index) => {
    const tall = Math.max(2, part * (height - 4))
    context.fillStyle = index / heights.length < played ? style.getPropertyValue('--accent') : style.getPropertyValue('--muted')
    context.globalAlpha = index / heights.length < played ? 1 : 0.45
    context.fillRect(index * step, (height - tall) / 2, Math.max(1, step - 1.5), tall)
  })
}
