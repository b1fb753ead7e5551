import { afterEach, expect, it, vi } from 'vitest'
import { UserHooks } from '../../../src/cli/do/hooks.js'
import { ProgramLog, Verbosity } from '../../../src/cli/shared/log.js'
import { endLeftovers, leftovers, MARKED } from '../../kit/leftovers.js'

afterEach(endLeftovers)

it('a hook that hangs is killed when its time is over, with what it has started in its group', async () => {
  const log = new ProgramLog('test', Verbosity.quiet)
  const said = vi.spyOn(log, 'error').mockImplementation(() => {})
  const variables = Object.entries({ ...MARKED, PATH: process.env.PATH ?? '' }).map(
    ([name, value]) => `${name}=${value}`,
  )
  const started: number[] = []
  const hooks = new UserHooks(variables, log, (processId) => started.push(processId), 200)
  await hooks.runAll(['sh'], ['-c', 'sleep 1000 & wait'])
  await vi.waitFor(() => expect(leftovers()).toEqual([]), { timeout: 20_000 })
  expect(started).toHaveLength(1)
  expect(said).toHaveBeenCalledWith('sh has not ended in 0.2 s and is killed')
  await hooks.settled()
})
