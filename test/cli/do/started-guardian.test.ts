import { describe, expect, it, vi } from 'vitest'
import { runTnlDo } from '../../../src/cli/do/run.js'
import { startGuardian, startsEarly } from '../../../src/cli/do/started-guardian.js'
import { compiledPrograms } from '../compiled.js'

vi.mock('node:fs', async (original) => ({ ...(await original<typeof import('node:fs')>()), writeSync: () => 0 }))

const compiled = compiledPrograms()

describe('a guardian that is started before the options are read', () => {
  it('is started for a command only', () => {
    expect([[], ['--help'], ['-V'], ['--lock-name', 'x', '--help']].map(startsEarly)).toEqual([
      false,
      false,
      false,
      false,
    ])
    expect([['true'], ['--lock-name', 'x', '--', 'true']].map(startsEarly)).toEqual([true, true])
  })

  it('is gone when the options were wrong', async () => {
    const started = startGuardian([], compiled('guardian'))
    expect(await runTnlDo(['--no-such-option', 'true'], {}, started)).toBe(2)
    await started.exited
    expect(started.child.connected).toBe(false)
  })
})
