// The list that somebody came from to a file's page: it leads to the files before and after, and back.
let list = null

/** `ids()` are the files of the list, in its order; `back` is its address. */
export const rememberList = (given) => (list = given)

/** {ids, back} of the list that has this file; null for somebody who came from elsewhere. */
export function listOf(id) {
  const ids = list?.ids() ?? []
  return ids.includes(id) ? { ids, back: list.back } : null
}
