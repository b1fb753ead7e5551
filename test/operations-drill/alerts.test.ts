/** The long form of the drill, which no CI run sees, has a cause for every alert, and what it changes fits. */
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { ROOT } from '../kit/programs/built.js'
import { editedFiles } from '../mutants/workspace.js'
import { alertNames, faster } from './alerts/faster-rules.js'
import { UNREADABLE } from './alerts/of-nodes.js'
import { CAUSES } from './steps/alerts.js'

const rules = readFileSync(`${ROOT}/deploy/helm/tcpnetlock/files/alerts.yaml`, 'utf8')

it('has one cause for each alert', () => {
  expect(CAUSES.flatMap(({ alerts }) => alerts).sort()).toEqual(alertNames(rules).sort())
})

it('makes an hour of the rules two minutes, and changes nothing else', () => {
  const rule = { alert: 'A', expr: 'max (x offset 2m) - increase(y[1h]) > 3', for: '10m', labels: { severity: 'info' } }
  const groups = [{ name: 'g', rules: [rule] }]
  expect(parse(faster(JSON.stringify({ groups })))).toEqual({
    groups: [
      { name: 'g', rules: [{ ...rule, expr: 'max (x offset 4000ms) - increase(y[120000ms]) > 3', for: '20000ms' }] },
    ],
  })
  // No duration is left that stands for a time of the rules.
  expect(faster(rules)).not.toMatch(/(\[|offset |for: )\d+(s|m(?!s)|h|d)\b/)
  const longWait = { alert: 'TcpNetLockLongWait', expr: 'x > 7200' }
  expect(() => faster(JSON.stringify({ groups: [{ name: 'g', rules: [longWait] }] }))).toThrow(/"> 3600" is not in/)
})

it('can make the program with a bug', async () => {
  expect([...(await editedFiles(ROOT, UNREADABLE)).keys()]).toEqual(['src/raft/node/command-queue.ts'])
})
