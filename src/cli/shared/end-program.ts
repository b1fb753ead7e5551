import { lookupsUnderWay } from '../../client/transport/lookup.js'
import { loadExit } from '../system/end-process.js'

/**
 * `process.exit`, also while a name is being looked up that nobody resolves: Node would wait for the system's answer, 10 s
 * and longer, though the program has nothing more to do. Where there is no `_exit` the end takes its time.
 */
export async function endProgram(status: number): Promise<never> {
  if (lookupsUnderWay() > 0) (await loadExit())?.(status)
  process.exit(status)
}
