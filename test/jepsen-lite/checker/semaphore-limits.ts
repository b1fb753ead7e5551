import { groupBy, numberOf, type Operation } from './operations.js'

/** The limits of semaphores over time, as far as those who changed them know. */
export class SemaphoreLimits {
  readonly #resizes: ReadonlyMap<string, readonly Operation[]>

  constructor(operations: readonly Operation[]) {
    const resizes = operations.filter(({ f }) => f === 'resize')
    this.#resizes = groupBy(resizes, ({ workload, name }) => `${workload}/${name}`)
  }

  /** The largest that may have been in force at some moment between `from` and `to`. `asked`: what everybody asks with. */
  largest(workload: string, name: string, asked: number, from: number, to: number): number {
    const done = (this.#resizes.get(`${workload}/${name}`) ?? []).filter(({ outcome }) => outcome !== 'fail')
    const isOver = (since: number): boolean =>
      done.some((later) => {
        const certain = later.outcome === 'ok' && numberOf(later.invoke, 'limit') !== null
        return certain && later.invoke.time >= since && (later.completion?.time ?? to) <= from
      })
    // One of unknown outcome may take effect at any time.
    const begun = done.filter(({ invoke, completion, outcome }) => {
      return invoke.time <= to && (completion === null || outcome !== 'ok' || !isOver(completion.time))
    })
    const limits = begun.map(({ invoke }) => numberOf(invoke, 'limit') ?? asked)
    return Math.max(...limits, ...(isOver(Number.NEGATIVE_INFINITY) ? [] : [asked]), 0)
  }
}
