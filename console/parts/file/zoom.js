// The geometry of a picture in its frame. Sizes are {width, height} in CSS pixels; points are from the frame's middle.

/** Nothing is magnified beyond this many CSS pixels for a pixel of the picture. */
const LARGEST_PIXEL = 8

/** The size at which `picture` just fits into `frame`; a small picture is not enlarged. */
export function fitted(picture, frame) {
  const scale = Math.min(frame.width / picture.width, frame.height / picture.height, 1)
  return { width: picture.width * scale, height: picture.height * scale }
}

/** The scale, relative to the fitted size, at which a pixel of the picture is a CSS pixel. */
export const actual = (picture, frame) => picture.width / (fitted(picture, frame).width || 1)

export const largest = (picture, frame) => Math.max(2, actual(picture, frame) * LARGEST_PIXEL)

/** A view {scale, x, y} in its bounds: never smaller than fitted, and no edge further in than the frame's. */
export function bounded(view, picture, frame) {
  const scale = Math.min(Math.max(view.scale, 1), largest(picture, frame))
  const size = fitted(picture, frame)
  const room = {
    x: Math.max(0, (size.width * scale - frame.width) / 2),
    y: Math.max(0, (size.height * scale - frame.height) / 2),
  }
  // `|| 0` because the clamp of an empty room gives -0.
  const within = (value, most) => Math.min(Math.max(value, -most), most) || 0
  return { scale, x: within(view.x, room.x), y: within(view.y, room.y) }
}

/** The view after a zoom by `factor` that keeps what is under `point` where it is. */
export function zoomed(view, factor, point, picture, frame) {
  const scale = Math.min(Math.max(view.scale * factor, 1), largest(picture, frame))
  const grown = scale / view.scale
  const moved = { scale, x: point.x - (point.x - view.x) * grown, y: point.y - (point.y - view.y) * grown }
  return bounded(moved, picture, frame)
}

export const FIT = { scale: 1, x: 0, y: 0 }
