/** A case of each kind of whole node with every run of the tests; and those who look for what is told to the wrong people. */
import { describe, expect, it } from 'vitest'
import { Trail } from './area.js'
import { wholeNodes } from './areas/whole-node.js'
import { HIDDEN, Listener, wordsOf } from './node/planted.js'

/** Another seed every day: what is found once is printed, and can be replayed. */
const SEED = Math.floor(Date.now() / 86_400_000)

describe.concurrent.each(wholeNodes)('$name', (area) => {
  it(`bears a case from seed ${SEED}, and keeps nothing of it`, { timeout: 180_000 }, async () => {
    try {
      const again = `npm run fuzz -- --only ${area.name} --seed ${SEED} --cases 1`
      await expect((async () => area.play(SEED))(), again).resolves.toBeGreaterThan(0)
      await area.rest?.()
    } finally {
      await area.close?.()
    }
  })
})

describe('whoever listens', () => {
  const heard = (hasAccounts: boolean, ...chunks: string[]): Listener => {
    const listener = new Listener(wordsOf(hasAccounts, ['s3cret']), new Trail())
    for (const chunk of chunks) listener.heard(chunk)
    return listener
  }

  it.each([
    ['a token', ['err,token-of-all\n']],
    ['a secret of somebody else, in two pieces', ['ok,name:a,meta:s3c', 'ret\n']],
    ['a hidden name', [`lock,name:${HIDDEN}/a\n`]],
    ['a number that nobody looked at', ['ok,token:NaN\n']],
  ])('notices %s', (_what, chunks) => {
    expect(() => heard(true, ...chunks).check()).toThrow(/told/)
  })

  it('lets pass what everybody may hear', () => {
    const lines = [
      'ok,name:a,token:7\n',
      `lock,name:${HIDDEN}\n`,
      'err,code:bad-request,message:unknown%20action%20NaN\n',
    ]
    expect(() => heard(false, ...lines).check()).not.toThrow()
  })
})
