import type { Fault } from '../types.js'

/** A fault that does the same again and again until it ends. */
export function repeated(target: string, step: () => Promise<void>, finish: () => void = () => {}): Fault {
  let ended = false
  let loop: Promise<void> = Promise.resolve()
  return {
    target,
    begin: async () => {
      loop = (async () => {
        while (!ended) await step()
        finish()
      })()
    },
    end: async () => {
      ended = true
      await loop
    },
  }
}
