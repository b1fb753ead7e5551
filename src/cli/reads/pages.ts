/** The lines of `locks`, page after page. */
import { type Fields, formatLine, type Line, parseLine } from '../../protocol/line.js'
import type { LineClient } from '../shared/line-client.js'
import { nextOf } from './asking.js'

/**
 * Every `lock` line that the filter lets through, each true when it was written. `isEnough` is asked after each page. Request
 * ids count up from `firstId`; resolves with the next free one.
 */
export async function listHolds(
  client: LineClient,
  filter: Fields,
  take: (line: Line) => void,
  isEnough: () => boolean = () => false,
  firstId = 1,
): Promise<number> {
  let after: string | undefined
  for (let id = firstId; ; id += 1) {
    client.send(formatLine('locks', { id, ...filter, after }).trimEnd())
    let line = parseLine(await nextOf(client, id))
    while (line?.action !== 'end') {
      if (line?.action === 'lock') take(line)
      line = parseLine(await nextOf(client, id))
    }
    after = line.get('after')
    if (after === undefined || isEnough()) return id + 1
  }
}
