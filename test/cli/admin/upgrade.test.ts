/** `tnl upgrade` against a node that says what the test wants. */
import { createServer } from 'node:net'
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { finishUpgrade, holdUpgrade, showUpgrade } from '../../../src/cli/admin/upgrade.js'

afterEach(() => vi.restoreAllMocks())

interface Told {
  readonly level: number
  readonly held?: boolean
  /** By node; null for one that is down. */
  readonly knows: Readonly<Record<string, number | null>>
}

/** Answers `.upgrade` with what it was given, one after another, the last one for ever. */
async function serve(
  ...told: readonly Told[]
): Promise<{ endpoints: { host: string; port: number }[]; asked: string[] }> {
  const asked: string[] = []
  let next = 0
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      for (const line of String(chunk).split('\n')) {
        if (line.startsWith('hello')) socket.write('welcome,session:1,secret:s,node:n1,leader:n1,lease:10\n')
        if (!line.startsWith('.')) continue
        asked.push(line)
        const answer = told[Math.min(next, told.length - 1)]
        if (line === '.upgrade,id:1' && answer !== undefined) next += 1
        socket.write(line === '.upgrade,id:1' && answer !== undefined ? answerOf(answer) : 'done,id:1\n')
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return { endpoints: [{ host: '127.0.0.1', port }], asked }
}

function answerOf({ level, held = false, knows }: Told): string {
  const members = Object.entries(knows).map(
    ([node, known]) => `member,id:1,node:${node},role:voter${known === null ? '' : `,knows:${known}`}\n`,
  )
  return `cluster,id:1,level:${level},held:${held ? 'yes' : 'no'}\n${members.join('')}end,id:1,count:${members.length + 1}\n`
}

function printed(): () => string {
  let text = ''
  vi.spyOn(process.stdout, 'write').mockImplementation((words) => {
    text += String(words)
    return true
  })
  return () => text
}

describe('tnl upgrade status', () => {
  const shown: readonly [string, Told, readonly RegExp[]][] = [
    [
      'there is nothing newer',
      { level: 1, knows: { n1: 1, n2: null } },
      [/^feature level 1, which is all/, /^n2 +voter +-$/m],
    ],
    [
      'who is older or down holds it back',
      { level: 1, knows: { n1: 2, n2: 1, n3: null } },
      [/^feature level 1; 2 needs 2 more of 3 members\n/, /^n1 +voter +2$/m, /^n2 .*older$/m, /^n3 .*down$/m],
    ],
    [
      'it is held',
      { level: 1, held: true, knows: { n1: 2, n2: 2 } },
      [/^feature level 1; every member knows 2\nheld: tnl upgrade finish/],
    ],
    [
      'two levels are to come',
      { level: 1, knows: { n1: 3, n2: 2 } },
      [/^feature level 1; every member knows 2, it rises/],
    ],
  ]
  it.each(shown)('%s', async (_, told, patterns) => {
    const { endpoints } = await serve(told)
    const text = printed()
    await showUpgrade({ endpoints }, false)
    for (const pattern of patterns) expect(text()).toMatch(pattern)
  })

  it('as JSON', async () => {
    const { endpoints } = await serve({ level: 1, held: true, knows: { n1: 2, n2: null } })
    const text = printed()
    await showUpgrade({ endpoints }, true)
    expect(JSON.parse(text())).toEqual({
      level: 1,
      next: 2,
      held: true,
      members: [
        { node: 'n1', role: 'voter', knows: 2, holdsBack: false },
        { node: 'n2', role: 'voter', knows: null, holdsBack: true },
      ],
    })
  })
})

describe('tnl upgrade hold and finish', () => {
  it('hold says what stays', async () => {
    const { endpoints, asked } = await serve({ level: 4, held: true, knows: { n1: 4 } })
    const text = printed()
    await holdUpgrade({ endpoints }, false)
    expect(asked).toEqual(['.upgrade-hold,id:1', '.upgrade,id:1'])
    expect(text()).toContain('stays at 4')
  })

  it('finish waits until the level has risen as far as the programs know', async () => {
    const all = { n1: 3, n2: 3 }
    const { endpoints, asked } = await serve(
      { level: 1, knows: all },
      { level: 2, knows: all },
      { level: 3, knows: all },
    )
    const text = printed()
    await finishUpgrade({ endpoints }, 30, false)
    expect(asked.length).toBe(4)
    expect(text()).toMatch(/^feature level 3, which is all/)
  })

  it('finish fails when it has not risen in time, and says who holds it back', async () => {
    const { endpoints } = await serve({ level: 1, knows: { n1: 2, n2: 1 } })
    const text = printed()
    await expect(finishUpgrade({ endpoints }, 0, false)).rejects.toMatchObject({ exitCode: 1 })
    expect(text()).toMatch(/n2 .*holds it back/)
    await finishUpgrade({ endpoints }, null, false)
  })
})
