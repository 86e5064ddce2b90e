/**
 * Does `work(item)` for all items, some at a time. Resolves to `{done, failed}`: the items, and `{item, error}` of each
 * that failed. One that fails does not stop the others.
 */
export async function pool(items, work, { together = 4 } = {}) {
  const left = [...items]
  const [done, failed] = [[], []]
  const worker = async () => {
    while (left.length) {
      const item = left.shift()
      try {
        await work(item)
        done.push(item)
      } catch (error) {
        failed.push({ item, error })
      }
    }
  }
  await Promise.all(Array.from({ length: together }, worker))
  return { done, failed }
}
