/** A freeze begins before it ends, by the clock of the node that was asked for it. */
import type { Effect } from '../../../src/locks/effects.js'
import type { LockMachine } from '../../../src/locks/machine.js'
import type { World } from '../world.js'

type Frozen = Extract<Effect, { readonly kind: 'frozen' }>

export class FreezeCheck {
  constructor(
    private readonly world: World,
    private readonly reference: () => LockMachine | null,
  ) {}

  frozen({ prefix, untilWallMs }: Frozen): void {
    const sinceWallMs = this.reference()?.inspect().freezes.get(prefix)?.sinceWallMs
    if (sinceWallMs === undefined || untilWallMs === 0 || untilWallMs > sinceWallMs) return
    this.world.fail(`'${prefix}' was frozen at ${sinceWallMs} until ${untilWallMs}, which had passed`)
  }
}
