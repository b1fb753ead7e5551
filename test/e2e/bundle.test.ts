/** The programs as they are built: one file each where a program lives for a moment (docs/adr/0019). */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { VERSION } from '../../src/version.js'
import { builtProgram } from '../kit/process-cluster.js'

let dir: string

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'tnl-bundle-'))
})

afterAll(() => rmSync(dir, { recursive: true, force: true }))

describe.each(['tnl', 'tnl-do', 'tnl-client', 'guardian'])('%s', (name) => {
  it('is one file that asks for nothing but Node', () => {
    const text = readFileSync(builtProgram(name), 'utf8')
    const asked = [...text.matchAll(/^(?:import|export)\b[^;]*?\bfrom ?["']([^"']+)["']/gm)].map(
      ([, from]) => from ?? '',
    )
    expect(asked.length).toBeGreaterThan(0)
    expect(asked.filter((from) => !builtinModules.includes(from.replace(/^node:/, '')))).toEqual([])
  })

  it('has a source map', () => {
    const map = JSON.parse(readFileSync(`${builtProgram(name)}.map`, 'utf8'))
    expect(map.sources.some((source: string) => source.endsWith(`src/cli/${name}.ts`))).toBe(true)
  })
})

describe('alone in a folder, without any package', () => {
  it.each(['tnl', 'tnl-do', 'tnl-client'])('%s runs and knows its version', (name) => {
    const alone = join(dir, `${name}.mjs`)
    mkdirSync(dirname(alone), { recursive: true })
    cpSync(builtProgram(name), alone)
    const { stdout, stderr, status } = spawnSync(process.execPath, [alone, '--version'], { encoding: 'utf8' })
    expect([stdout.trim(), stderr, status]).toEqual([VERSION, '', 0])
  })
})

it('the licences of what is inside come with it', () => {
  const notices = readFileSync(join(dirname(builtProgram('tnl')), 'THIRD-PARTY-LICENSES.txt'), 'utf8')
  expect(notices).toMatch(/^commander \S+ \(MIT\)$/m)
  expect(notices).toContain('Permission is hereby granted')
})
