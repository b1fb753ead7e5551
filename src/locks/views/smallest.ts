/** The `most` items with the smallest keys behind `after`, in the order of the keys; `after` null: from the first on. */
export function smallest<T, K extends string | number>(
  items: Iterable<T>,
  after: K | null,
  most: number,
  keyOf: (item: T) => K,
): T[] {
  if (most <= 0) return []
  const order = (a: T, b: T): number => (keyOf(a) < keyOf(b) ? -1 : 1)
  let found: T[] = []
  let limit: K | null = null
  for (const item of items) {
    const key = keyOf(item)
    if ((after !== null && key <= after) || (limit !== null && key > limit)) continue
    found.push(item)
    // Sorted now and then, and not at each step: of a hundred thousand items most are left out by one comparison.
    if (found.length < 2 * most) continue
    found = found.sort(order).slice(0, most)
    const last = found[most - 1]
    if (last !== undefined) limit = keyOf(last)
  }
  return found.sort(order).slice(0, most)
}
