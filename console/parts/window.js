import { useEffect, useLayoutEffect, useRef, useState } from '../vendor/preact.js'

const BEYOND = 2 // rows drawn above and below what is seen

/** How items stand in a frame of this width: `{columns, width, height, gap}` in pixels; `height` is a row's. */
export function measures(frame, layout) {
  if (layout === 'list') return { columns: 1, width: frame, height: 56, gap: 0 }
  const gap = frame < 600 ? 12 : 18
  const least = frame < 600 ? 150 : frame < 1000 ? 172 : 200
  const columns = Math.max(2, Math.floor((frame + gap) / (least + gap)))
  const width = (frame - gap * (columns - 1)) / columns
  return { columns, width, height: Math.round(width * 0.75) + 56, gap }
}

/**
 * Which items of a long list are near what is seen of the page: `{first, last}` (rows, `last` excluded), with the
 * frame's measures. `frame` is a ref to the element that is as high as all rows.
 */
export function useWindow(frame, count, layout) {
  const [width, setWidth] = useState(0)
  const [range, setRange] = useState({ first: 0, last: 8 })
  const size = measures(width || 800, layout)
  const rows = Math.ceil(count / size.columns)
  const step = size.height + size.gap
  const latest = useRef()
  latest.current = () => {
    if (!frame.current) return
    const top = -frame.current.getBoundingClientRect().top
    const first = Math.max(0, Math.floor(top / step) - BEYOND)
    const last = Math.max(first, Math.min(rows, Math.ceil((top + innerHeight) / step) + BEYOND))
    setRange((old) => (old.first === first && old.last === last ? old : { first, last }))
  }
  useLayoutEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry.contentRect.width)))
    observer.observe(frame.current)
    setWidth(Math.floor(frame.current.getBoundingClientRect().width))
    return () => observer.disconnect()
  }, [])
  useLayoutEffect(() => latest.current(), [rows, step, width])
  useEffect(() => {
    let asked = 0
    const look = () => {
      asked ||= requestAnimationFrame(() => {
        asked = 0
        latest.current()
      })
    }
    addEventListener('scroll', look, { passive: true })
    addEventListener('resize', look)
    return () => {
      removeEventListener('scroll', look)
      removeEventListener('resize', look)
      cancelAnimationFrame(asked)
    }
  }, [])
  return { ...size, ...range, rows, step, total: Math.max(0, rows * step - size.gap), measured: width > 0 }
}
