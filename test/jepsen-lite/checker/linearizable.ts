/** A sequential object. */
export interface Model<State, Input> {
  readonly initial: State
  /** The state after this call, the very same object if it changes nothing, or null if the call is impossible here. */
  step(state: State, input: Input): State | null
  /** Equal for equal states. */
  key(state: State): string
}

/** A call that took effect at one moment between `from` and `to`. */
export interface Call<Input> {
  readonly input: Input
  readonly from: number
  /** Null: it took effect at any time after `from`, or never. */
  readonly to: number | null
}

/** One way in which it can have been so far. */
interface Configuration<State> {
  readonly state: State
  /** One bit for each open call, by its slot: it has taken effect. */
  readonly done: bigint
  /** How many of the calls without an end have taken effect, by kind. */
  readonly used: ReadonlyMap<string, number>
}

/**
 * Wing and Gong's search with Lowe's memoisation, "just in time": the history is read once, in order of time, and all configurations that explain it so far are kept. A call takes effect no earlier
 * than a call that ends needs it. Calls without an end that ask for the same are interchangeable and only counted, so that hundreds of unknown outcomes cost nothing.
 *
 * Returns null if the calls are linearizable, otherwise the call at whose end no explanation is left.
 */
export function findImpossible<State, Input>(
  model: Model<State, Input>,
  calls: readonly Call<Input>[],
): Call<Input> | null {
  const search = new Search(model)
  for (const { call, begins } of moments(calls)) {
    if (begins) search.begin(call)
    else if (!search.end(call)) return call
  }
  return null
}

interface Moment<Input> {
  readonly call: Call<Input>
  readonly time: number
  readonly begins: boolean
}

/** What happens at the same time is taken as concurrent: beginnings first. */
function moments<Input>(calls: readonly Call<Input>[]): Moment<Input>[] {
  const all = calls.flatMap((call): Moment<Input>[] => {
    const begin = { call, time: call.from, begins: true }
    return call.to === null ? [begin] : [begin, { call, time: call.to, begins: false }]
  })
  return all.sort((a, b) => a.time - b.time || Number(b.begins) - Number(a.begins))
}

class Search<State, Input> {
  #configurations: Configuration<State>[]
  /** Calls that have begun and not ended, with their bits. */
  readonly #open = new Map<Call<Input>, bigint>()
  readonly #freeBits: bigint[] = []
  #bits = 0n
  readonly #endless = new Map<string, { readonly input: Input; count: number }>()

  constructor(private readonly model: Model<State, Input>) {
    this.#configurations = [{ state: model.initial, done: 0n, used: new Map() }]
  }

  begin(call: Call<Input>): void {
    if (call.to !== null) {
      this.#open.set(call, this.#freeBits.pop() ?? 1n << this.#bits++)
      return
    }
    const kind = JSON.stringify(call.input)
    const known = this.#endless.get(kind)
    if (known === undefined) this.#endless.set(kind, { input: call.input, count: 1 })
    else known.count++
  }

  /** The call has taken effect by now. False if that is impossible. */
  end(call: Call<Input>): boolean {
    const bit = this.#open.get(call)
    if (bit === undefined) throw new Error('a call ends that never began')
    const seen = new Frontier(this.model)
    const out = new Frontier(this.model)
    const stack = this.#configurations.filter((configuration) => seen.add(configuration))
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      if ((next.done & bit) !== 0n) out.add({ ...next, done: next.done & ~bit })
      else for (const successor of this.#successors(next)) if (seen.add(successor)) stack.push(successor)
    }
    this.#configurations = out.all()
    this.#open.delete(call)
    this.#freeBits.push(bit)
    return this.#configurations.length > 0
  }

  #successors(configuration: Configuration<State>): Configuration<State>[] {
    const { state, done, used } = configuration
    const successors: Configuration<State>[] = []
    for (const [call, bit] of this.#open) {
      if ((done & bit) !== 0n) continue
      const after = this.model.step(state, call.input)
      if (after === null) continue
      // A call that only looks can take effect at the first moment that suits it: no other branch is needed.
      if (after === state) return [{ state, done: done | bit, used }]
      successors.push({ state: after, done: done | bit, used })
    }
    for (const [kind, { input, count }] of this.#endless) {
      const spent = used.get(kind) ?? 0
      if (spent === count) continue
      const after = this.model.step(state, input)
      if (after === null || after === state) continue
      successors.push({ state: after, done, used: new Map(used).set(kind, spent + 1) })
    }
    return successors
  }
}

/** Configurations without those that another one makes superfluous: equal, but with fewer endless calls used up. */
class Frontier<State, Input> {
  readonly #byKey = new Map<string, Configuration<State>[]>()

  constructor(private readonly model: Model<State, Input>) {}

  /** False if it is superfluous. */
  add(configuration: Configuration<State>): boolean {
    const key = `${configuration.done} ${this.model.key(configuration.state)}`
    const others = this.#byKey.get(key) ?? []
    if (others.some((other) => usesNoMore(other, configuration))) return false
    this.#byKey.set(key, [...others.filter((other) => !usesNoMore(configuration, other)), configuration])
    return true
  }

  all(): Configuration<State>[] {
    return [...this.#byKey.values()].flat()
  }
}

function usesNoMore<State>(a: Configuration<State>, b: Configuration<State>): boolean {
  return [...a.used].every(([kind, count]) => count <= (b.used.get(kind) ?? 0))
}
