/**
 * Requests that may be granted, the earliest first. A binary heap: what it gives depends on what is in it, not on the order
 * in which that came in, which a restored replica does not know. Whoever takes one looks whether it is still to be granted.
 */
import { comesBefore, type LockRequest } from './entities.js'

export class DueHeap {
  readonly #heap: LockRequest[] = []

  get size(): number {
    return this.#heap.length
  }

  /** Does nothing if it is in already. */
  add(request: LockRequest): void {
    if (request.isDue) return
    request.isDue = true
    const heap = this.#heap
    let at = heap.length
    heap.push(request)
    while (at > 0) {
      const parentAt = (at - 1) >> 1
      const parent = heap[parentAt]
      if (parent === undefined || !comesBefore(request, parent)) break
      heap[at] = parent
      at = parentAt
    }
    heap[at] = request
  }

  take(): LockRequest | null {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (first === undefined || last === undefined) return null
    first.isDue = false
    if (first !== last) this.#sink(last)
    return first
  }

  /** Puts `moved` where the first was, and below whatever comes before it. */
  #sink(moved: LockRequest): void {
    const heap = this.#heap
    let at = 0
    for (;;) {
      let childAt = 2 * at + 1
      let child = heap[childAt]
      if (child === undefined) break
      const other = heap[childAt + 1]
      if (other !== undefined && comesBefore(other, child)) {
        child = other
        childAt += 1
      }
      if (!comesBefore(child, moved)) break
      heap[at] = child
      at = childAt
    }
    heap[at] = moved
  }
}
