// The entries of an archive as folders. An entry's name is text of a stranger: it is shown, and never used as a path.

/** Kinds of archives whose entries can be had one by one. */
const SINGLE = new Set(['zip', 'jar', 'apk'])
const LARGEST_SINGLE = 100_000_000 // bytes
const NOT_SINGLE = ['ratio', 'method', 'links']

/** Can the bytes of this entry be had alone? docs/kinds.md, "Single entries". */
export function isSingle(entry, record) {
  const archive = record.archive
  if (!archive && !record.email) return false
  if (archive && (!SINGLE.has(archive.format) || archive.flags?.includes('overlap'))) return false
  if (entry.directory || entry.encrypted || entry.size == null || entry.size > LARGEST_SINGLE) return false
  return !(entry.flags ?? []).some((flag) => NOT_SINGLE.includes(flag))
}

/**
 * Folders and files of `entries`. A node is {name, path, entry, index, children, files, size}; `index` is the entry's
 * place in the list, null for a folder that is only named by others. Folders come first, each sorted by name.
 */
export function tree(entries) {
  const root = { name: '', path: '', children: new Map(), entry: null, index: null }
  entries.forEach((entry, index) => {
    const parts = entry.name.split('/').filter((part, place, all) => part !== '' || (place === 0 && all.length === 1))
    if (!parts.length) parts.push(entry.name)
    let node = root
    for (const [place, part] of parts.entries()) {
      const last = place === parts.length - 1
      // Two files may have one name. Each is shown.
      const folder = !last || entry.directory
      const key = folder ? `${part}/` : `${part}/${index}`
      let child = node.children.get(key)
      if (!child) {
        child = { name: part, path: `${node.path}/${key}`, children: folder ? new Map() : null, entry: null, index: null }
        node.children.set(key, child)
      }
      if (last) Object.assign(child, { entry, index })
      node = child
    }
  })
  return summed(root)
}

const order = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' })

function summed(root) {
  // Without recursion: names may have hundreds of levels.
  const stack = [root]
  const nodes = []
  while (stack.length) {
    const node = stack.pop()
    nodes.push(node)
    if (!node.children) continue
    node.children = [...node.children.values()].sort(
      (a, b) => Number(!a.children) - Number(!b.children) || order.compare(a.name, b.name),
    )
    stack.push(...node.children)
  }
  for (const node of nodes.reverse()) {
    const all = node.children
    node.files = all ? all.reduce((sum, child) => sum + child.files, 0) : 1
    node.size = all ? all.reduce((sum, child) => sum + (child.size ?? 0), 0) : (node.entry?.size ?? null)
  }
  return root
}

/** The rows to show: {node, level, place, of} with `open` (a set of paths) expanded. With `words`, the files that match. */
export function rows(root, open, words = '') {
  const wanted = words.trim().toLowerCase()
  if (wanted) return matching(root, wanted)
  const shown = []
  const stack = siblings(root, 1)
  while (stack.length) {
    const row = stack.pop()
    shown.push(row)
    if (row.node.children && open.has(row.node.path)) stack.push(...siblings(row.node, row.level + 1))
  }
  return shown
}

/** The rows of a node's children, the last first, as a stack gives them. */
function siblings(node, level) {
  const of = node.children.length
  return node.children.map((child, index) => ({ node: child, level, place: index + 1, of })).reverse()
}

function matching(root, wanted) {
  const found = []
  const stack = [root]
  while (stack.length) {
    const node = stack.pop()
    if (node.entry && !node.children && node.entry.name.toLowerCase().includes(wanted)) found.push(node)
    if (node.children) stack.push(...[...node.children].reverse())
  }
  return found.map((node, index) => ({ node, level: 1, place: index + 1, of: found.length, whole: true }))
}
