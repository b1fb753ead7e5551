/** What docs/cli.md shows of `tnl who` and `tnl why` is what they print. */
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { whoText } from '../../../src/cli/reads/who.js'
import { type WhyJson, whyText } from '../../../src/cli/reads/why.js'
import { whoJson, whyJson } from '../../../src/service/reads/report-json.js'
import { Stage } from '../../locks/service/stage.js'

const PAGE = new URL('../../../docs/cli.md', import.meta.url)
const NOW_MS = 1_785_000_185_000
const agoMs = (seconds: number): number => NOW_MS - seconds * 1000

/** As it arrives at a client. */
const sent = <T>(report: object): T => JSON.parse(JSON.stringify(report)) as T

function story(): Stage {
  const stage = new Stage()
  const [backup, six, seven, eight] = [
    stage.client('backup-1', { at: 2 }),
    stage.client('deploy-6'),
    stage.client('deploy-7', { at: 1 }),
    stage.client('deploy-8', { at: 1 }),
  ] as const
  backup.ask('db/schema', { ttlMs: 300_000, wallMs: agoMs(185) })
  six.ask('db/migrate', { meta: 'release 42', wallMs: agoMs(40) })
  six.ask('db/schema', { wallMs: agoMs(35) })
  seven.ask('db/migrate web/deploy', { waitMs: 48_000, wallMs: agoMs(12) })
  eight.ask('db/migrate', { wallMs: agoMs(3) })
  return stage
}

it('shows who and why as they are printed', () => {
  const { reports } = story().machine
  const page = readFileSync(PAGE, 'utf8')
  const shown = [
    ['who', whoText(sent(whoJson(reports, 'db/migrate', NOW_MS)))],
    ['why', whyText(sent<WhyJson>(whyJson(reports, 'db/migrate', null, NOW_MS)))],
  ] as const
  for (const [command, text] of shown) {
    const lines = [`$ tnl ${command} db/migrate`, ...text.split('\n')].map((line) => `    ${line}`)
    expect(page).toContain(`${lines.join('\n')}\n`)
  }
})
