/** `tnl top` on a real pseudo terminal: whatever ends it, the terminal is as it was. */
import { spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { OneServer } from '../kit/one-server.js'
import { builtProgram } from '../kit/process-cluster.js'
import { Program } from '../kit/program.js'
import { inTime, Wire } from '../kit/wire.js'

const hasPython = spawnSync('python3', ['--version']).status === 0
if (!hasPython) console.warn('python3 is not installed: tnl top is not tried on a terminal')

const CTRL_C = '\x03'
const CTRL_Z = '\x1a'
const ENTER = '\x1b[?1049h'
const LEAVE = '\x1b[?1049l'

let server: OneServer
const wires: Wire[] = []
beforeAll(async () => {
  server = await OneServer.start()
  for (const client of ['alice', 'bob']) {
    const wire = await Wire.open(server.port)
    wires.push(wire)
    await wire.ask(`hello,version:2,client-id:${client},lease:3600,redirect:no`)
    await wire.ask('lock,id:1,name:top/queue,wait:forever,holding:none')
  }
})
afterAll(async () => {
  for (const wire of wires) wire.destroy()
  await server.stop()
})

interface Played {
  readonly screen: string
  readonly played: number
  readonly status: number
}

function onTerminal(script: string, ...steps: (readonly [string, string])[]): Promise<Played> {
  const program = fileURLToPath(new URL('./terminal.py', import.meta.url))
  const command = ['bash', '--norc', ...(script === '' ? ['-i'] : ['-c', script])]
  const child = spawn('python3', [program, JSON.stringify({ command, steps })], {
    env: { ...process.env, ...server.env },
  })
  let text = ''
  child.stdout.on('data', (chunk) => {
    text += String(chunk)
  })
  return inTime('the terminal ends', new Promise((resolve) => child.on('close', () => resolve(JSON.parse(text)))))
}

const TOP = `'${process.execPath}' '${builtProgram('tnl')}' top --interval 0.5`
/** What the shell around it finds afterwards. A signal for the foreground reaches this shell too, which outlives it. */
const THEN = `trap : TERM HUP INT; ${TOP}; echo "status=$?"; stty -a`
const SHOWN = 'top/queue +1 [\\s\\S]*?q quit'

/** The screen was left once for each time that it was entered, and lines and echo are the terminal's again. */
function expectRestored({ screen }: Played): void {
  const [before = '', ...after] = screen.split(LEAVE)
  expect(before).toContain(ENTER)
  expect(screen.split(ENTER).length).toBe(screen.split(LEAVE).length)
  const behind = after.at(-1) ?? ''
  expect(behind).not.toContain('\x1b[?25l')
  expect(screen.lastIndexOf('\x1b[?25h')).toBeGreaterThan(screen.lastIndexOf('\x1b[?25l'))
  expect(behind).toMatch(/[^-]icanon/)
  expect(behind).toMatch(/[^-]echo /)
}

describe.skipIf(!hasPython)('on a terminal', () => {
  it('takes keys, another size, and ends by q', async () => {
    const played = await onTerminal(
      THEN,
      [SHOWN, '?'],
      ['the next order', '?'],
      [SHOWN, '/'],
      ['names that begin with', 'nothing\r'],
      ['nobody waits for names that begin with nothing', '\x1b'],
      [SHOWN, 'resize'],
      [SHOWN, 'o'],
      ['OLDEST WAITERS', 'q'],
    )
    expect(played).toMatchObject({ played: 8, status: 0 })
    expect(played.screen).toContain('status=0')
    expectRestored(played)
  })

  it.each([
    ['Ctrl-C', CTRL_C, 130],
    ['SIGTERM', 'signal SIGTERM', 143],
    ['SIGHUP', 'signal SIGHUP', 129],
  ])('ends by %s', async (_, keys, status) => {
    const played = await onTerminal(THEN, [SHOWN, keys])
    expect(played.screen).toContain(`status=${status}`)
    expectRestored(played)
  })

  it('stops at Ctrl-Z, and goes on', async () => {
    const played = await onTerminal(
      '',
      ['PROMPT> ', `${TOP}\n`],
      [SHOWN, CTRL_Z],
      ['Stopped', 'stty -a; fg\n'],
      [SHOWN, 'q'],
      ['PROMPT> ', 'stty -a; exit\n'],
    )
    expect(played.played).toBe(5)
    expectRestored(played)
  })
})

describe('without a terminal', () => {
  const top = async (...words: string[]): Promise<Program> => {
    const program = new Program('tnl', ['top', '--interval', '0.5', ...words], server.env)
    await program.status()
    return program
  }

  it('says what else there is, and prints a frame', async () => {
    const refused = await top()
    expect([await refused.status(), refused.stdout]).toEqual([2, ''])
    expect(refused.stderr).toMatch(/--once/)
    const text = await top('--once')
    expect([await text.status(), text.stderr]).toEqual([0, ''])
    expect(text.stdout).toMatch(/^leader n1, term \d+ {2}1 of 1 nodes/)
    expect(text.stdout).toMatch(/\ntop\/queue +1 +\S+ +bob +alice +\S+\n/)
    expect(text.stdout).not.toContain('\x1b')
    const json = await top('--once', '--json', '--filter', 'top/')
    expect(JSON.parse(json.stdout)).toMatchObject({
      leader: 'n1',
      queues: { count: 1, contended: [{ name: 'top/queue', waiters: 1, waiter: 'bob', holder: 'alice' }] },
    })
    const nobody = await top('--endpoints', '127.0.0.1:1')
    expect(await nobody.status()).toBe(2)
    const lost = await top('--once', '--endpoints', '127.0.0.1:1')
    expect([await lost.status(), lost.stdout]).toEqual([125, ''])
  })
})

describe.skipIf(!hasPython)('when the cluster is lost', () => {
  it('says so, tries on, and leaves the terminal as it was', async () => {
    const played = await onTerminal(THEN, [SHOWN, `kill ${server.program.child.pid}`], ['no node answers', 'q'])
    expect(played.screen).toContain('status=0')
    expectRestored(played)
  })
})
