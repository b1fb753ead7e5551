/**
 * The numbers by which the answer to a question of this node is known again. They begin at random: an answer to an earlier
 * process of this node must not fit a question of this one.
 */
export class ReadContexts {
  #last: number

  constructor(first: number) {
    this.#last = first
  }

  next(): number {
    return ++this.#last
  }
}

/** As they travel with a message of the core. */
export function contextBytes(context: number): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setFloat64(0, context)
  return bytes
}

export function contextOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getFloat64(0)
}
