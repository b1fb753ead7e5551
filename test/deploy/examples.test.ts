/** The examples for applications, as processes: what they say they do is done. */
import type { ChildProcess } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { OneServer } from '../kit/one-server.js'
import { find, Pod, podTemplateOf, readManifests } from '../kit/pods.js'
import { until } from '../kit/process-cluster.js'

const TIMEOUT_MS = 90_000
const TRIED = ['cron-job.yaml', 'migration.yaml', 'sidecar.yaml']

let server: OneServer
let dir: string
const running: ChildProcess[] = []

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'tnl-examples-'))
  server = await OneServer.start()
})
afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL')
})
afterAll(async () => {
  await server?.stop()
  rmSync(dir, { recursive: true, force: true })
})

/** An application's image: a script that writes a line into `done`, slowly. */
function image(script: string): string {
  const home = join(dir, script)
  mkdirSync(home, { recursive: true })
  writeFileSync(join(home, script), `#!/bin/sh\nsleep 0.3\necho "$TNL_LOCK_NAME" >> '${join(home, 'done')}'\n`)
  chmodSync(join(home, script), 0o755)
  return home
}

function podOf(example: string, kind: string, name: string, images: Readonly<Record<string, string>>): Pod {
  const resources = readManifests(`deploy/examples/${example}`)
  const template = podTemplateOf(find(resources, kind))
  if (template === null) throw new Error(`${kind} makes no pods`)
  const names = [[/(?<![\w.-])tcpnetlock:7654/g, `localhost:${server.port}`]] as const
  return new Pod(name, '127.0.0.1', template.spec, { dir, namespace: 'shop', names, files: {}, resources, images })
}

it('are all tried', () => {
  const folder = fileURLToPath(new URL('../../deploy/examples', import.meta.url))
  expect(readdirSync(folder).sort()).toEqual(TRIED)
})

describe.runIf(process.platform === 'linux')('an example', { timeout: TIMEOUT_MS }, () => {
  it('migration: of pods that start together one migrates, and the others go on when that is done', async () => {
    const home = image('migrate.sh')
    const pods = ['shop-1', 'shop-2', 'shop-3'].map((name) =>
      podOf('migration.yaml', 'Deployment', name, { 'shop:42': home }),
    )
    for (const pod of pods) expect(await pod.run('tnl')).toMatchObject({ status: 0, stderr: '' })
    const ended = await Promise.all(pods.map((pod) => pod.run('migrate')))
    expect(ended.map(({ status, stdout }) => [status, stdout])).toEqual([
      [0, ''],
      [0, ''],
      [0, ''],
    ])
    expect(readFileSync(join(home, 'done'), 'utf8')).toBe('shop/migrate\n')
  })

  it('cron job: once a night, and no failure for whoever comes second', async () => {
    const home = image('report.sh')
    const pods = ['report-1', 'report-2'].map((name) => podOf('cron-job.yaml', 'CronJob', name, { 'report:7': home }))
    for (const pod of pods) await pod.run('tnl')
    for (const pod of pods) expect(await pod.run('report')).toMatchObject({ status: 0 })
    const together = await Promise.all(pods.map((pod) => pod.run('report')))
    expect(together.map(({ status }) => status)).toEqual([0, 0])
    expect(readFileSync(join(home, 'done'), 'utf8')).toBe('report\n')
  })

  it('sidecar: one of two pods is ready, and the other one when that ends', async () => {
    const pods = ['scheduler-1', 'scheduler-2'].map((name) => podOf('sidecar.yaml', 'Deployment', name, {}))
    const [first = '', second = ''] = pods.map((pod) => pod.path('/leader/token'))
    const tokenIn = (file: string): number => (existsSync(file) && Number(readFileSync(file, 'utf8'))) || 0
    // Left behind by one that was killed.
    writeFileSync(second, 'old\n')
    const children = pods.map((pod) => pod.start('leader'))
    running.push(...children)
    await until('one leads', async () => tokenIn(first) > 0 !== tokenIn(second) > 0)
    const [leads, waits, child] = tokenIn(first) > 0 ? [first, second, children[0]] : [second, first, children[1]]
    const token = tokenIn(leads)
    child?.kill('SIGTERM')
    await until('the other leads', async () => tokenIn(waits) > token)
    expect(existsSync(leads)).toBe(false)
  })
})
