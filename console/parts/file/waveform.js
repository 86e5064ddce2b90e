/**
 * `count` bars, 0 to 1, from a waveform of audiowaveform's format, version 2: pairs of the lowest and highest value. The
 * loudest bar is 1, so that a quiet sound shows, too.
 */
export function bars({ data, bits = 8 }, count) {
  const pairs = Math.floor(data.length / 2)
  const wanted = Math.max(1, Math.min(count, pairs))
  const largest = 2 ** (bits - 1)
  const heights = Array.from({ length: wanted }, (_, bar) => {
    const [begin, end] = [Math.floor((bar * pairs) / wanted), Math.floor(((bar + 1) * pairs) / wanted)]
    let most = 0
    for (let pair = begin; pair < end; pair += 1) most = Math.max(most, Math.abs(data[pair * 2]), Math.abs(data[pair * 2 + 1]))
    return most / largest
  })
  const loudest = heights.reduce((most, each) => Math.max(most, each), 0)
  return loudest ? heights.map((each) => each / loudest) : heights
}
