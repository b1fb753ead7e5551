/** Leaves out what is not needed for `stillWrong`, in ever smaller chunks; no single item of the result can be left out. */
export function shrink<T>(items: readonly T[], stillWrong: (items: readonly T[]) => boolean): readonly T[] {
  let left = items
  for (let size = Math.ceil(items.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let start = 0; start < left.length; ) {
      const without = [...left.slice(0, start), ...left.slice(start + size)]
      if (stillWrong(without)) left = without
      else start += size
    }
  }
  return left
}
