/** One direction of a simulated TCP connection: in order, after a delay, and held while nothing gets through. */
import type { Process } from './process.js'
import type { World } from './world.js'

export type Parcel = { readonly text: string } | 'fin' | 'rst'

export class Pipe {
  #busyUntilMs = 0
  readonly #held: Parcel[] = []

  constructor(
    private readonly connection: { readonly world: World; readonly meanMs: number },
    private readonly sender: () => Process,
    private readonly arrive: (parcel: Parcel) => void,
    private readonly isHeld: () => boolean,
  ) {}

  get heldBytes(): number {
    return this.#held.reduce((sum, parcel) => sum + (typeof parcel === 'string' ? 0 : parcel.text.length), 0)
  }

  push(parcel: Parcel): void {
    const { world, meanMs } = this.connection
    const atMs = Math.max(this.#busyUntilMs, world.nowMs + this.sender().lagMs + world.random.around(meanMs))
    this.#busyUntilMs = atMs
    world.after(atMs - world.nowMs, () => {
      if (this.isHeld() || this.#held.length > 0) this.#held.push(parcel)
      else this.arrive(parcel)
    })
  }

  /** Returns what arrives now. */
  release(): readonly Parcel[] {
    const parcels = this.#held.splice(0)
    for (const parcel of parcels) this.arrive(parcel)
    return parcels
  }
}
