import { describe, expect, it } from 'vitest'
import { SeededRandom } from '../../src/testing/seeded-random.js'
import { VirtualTime } from '../../src/testing/virtual-time.js'
import { Wire } from '../../src/testing/wire.js'

describe('a wire', () => {
  it('delivers in order, also when the sums of equal times differ in their last bit', () => {
    const time = new VirtualTime()
    const random = new SeededRandom(1)
    const arrived: number[] = []
    const weather = { delayMs: () => -8_000 * Math.log(1 - random.float()), isHeld: () => false }
    const sender = () => ({ name: 'a', lagMs: 0 })
    const wire = new Wire(time, weather, sender, 'b', (parcel) =>
      arrived.push(Number(Buffer.from(parcel as Uint8Array))),
    )
    const sent = Array.from({ length: 20_000 }, (_, i) => i)
    let atMs = 0
    for (const i of sent) {
      atMs += random.float() / 3
      time.after(atMs, () => wire.push(Buffer.from(String(i))))
    }
    for (let event = time.next(1e6); event !== null; event = time.next(1e6)) event.run?.()
    expect(arrived).toEqual(sent)
  })
})
