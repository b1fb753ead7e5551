/** `tnl history KEY`: how the last holds of it ended. */

import { ageWords } from '../../service/reads/durations.js'
import type { ClusterAccess } from '../shared/cluster-access.js'
import { formatTable } from '../shared/table.js'
import { sentenceColumns, shown, wrapped } from '../shared/terminal-text.js'
import { askInfo } from './asking.js'
import { checkedName, modeWords, seconds, timeOf } from './values.js'

interface EndJson {
  readonly token: number
  readonly mode: string
  readonly permits?: number
  readonly limit?: number
  readonly holder: string
  readonly from: number
  readonly to: number
  readonly how: string
  readonly by?: string
  readonly reason?: string
}

export async function showHistory(access: ClusterAccess, name: string, asJson: boolean): Promise<void> {
  const { ends } = await askInfo<{ readonly ends: readonly EndJson[] }>(access, `history,name:${checkedName(name)}`)
  if (asJson) process.stdout.write(`${JSON.stringify(ends, null, 2)}\n`)
  else if (ends.length === 0) process.stdout.write(`${name}: no hold of it has ended, or none that is remembered\n`)
  else process.stdout.write(`${historyText(ends)}\n`)
}

export function historyText(ends: readonly EndJson[]): string {
  const rows = ends.map((end) => [
    timeOf(end.to),
    ageWords(seconds(end.to - end.from)),
    end.holder,
    modeWords(end),
    String(end.token),
    end.how,
  ])
  const head = ['ENDED', 'HELD', 'HOLDER', 'MODE', 'TOKEN', 'HOW']
  const [first = '', ...lines] = formatTable([head, ...rows], { mayCut: [2] }).split('\n')
  return [
    first,
    ...lines.flatMap((line, at) => {
      const { by = '', reason = '' } = ends[at] ?? {}
      if (by === '' && reason === '') return [line]
      const who = by === '' ? '' : `by ${by}${reason === '' ? '' : ': '}`
      return [line, wrapped(`  ${who}${shown(reason)}`, sentenceColumns(), '  ')]
    }),
  ].join('\n')
}
