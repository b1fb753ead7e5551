/** The pages of docs/operations, command for command, on real processes; a page has a cluster of three of its own. */
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { SHORT_LEASE, TestCluster } from '../kit/process-cluster.js'
import { blocksOf, RunbookPlay } from '../kit/runbook.js'

const PAGE_TIMEOUT_MS = 120_000
const FOLDER = fileURLToPath(new URL('../../docs/operations/', import.meta.url))
/** Tests of their own play these. */
const ELSEWHERE = ['lost-majority.md']

const PAGES = readdirSync(FOLDER).filter((name) => blocksOf(`operations/${name}`).length > 0)

describe.each(PAGES.filter((name) => !ELSEWHERE.includes(name)))('%s', (name) => {
  it('works as it is written', { timeout: PAGE_TIMEOUT_MS }, async () => {
    const cluster = await TestCluster.start(SHORT_LEASE)
    onTestFinished(() => cluster.stop())
    await cluster.untilRisen()
    const play = new RunbookPlay(cluster, SHORT_LEASE)
    for (const block of blocksOf(`operations/${name}`)) await play.play(block)
    expect(play.said).not.toBe('')
  })
})

it('every command of these pages is played', () => {
  for (const name of PAGES) {
    const page = readFileSync(`${FOLDER}${name}`, 'utf8')
    expect([name, page.match(/^```sh$/gm)?.length]).toEqual([name, blocksOf(`operations/${name}`).length])
  }
})
