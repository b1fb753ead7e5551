/** A command under tnl-do has the terminal as it would have it without (contract §3). */
import { spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { OneServer } from './one-server.js'
import { STARTER } from './starter.js'
import { freshName, inTime } from './wire.js'

const hasPython = spawnSync('python3', ['--version']).status === 0
const CTRL_C = '\x03'
const CTRL_Z = '\x1a'

interface Played {
  readonly screen: string
  readonly played: number
  readonly status: number
}

let server: OneServer
beforeAll(async () => {
  server = await OneServer.start()
})
afterAll(() => server.stop())

function onTerminal(command: readonly string[], ...steps: (readonly [string, string])[]): Promise<Played> {
  const program = fileURLToPath(new URL('terminal.py', import.meta.url))
  const child = spawn('python3', [program, JSON.stringify({ command, steps })], {
    env: { ...process.env, ...server.env },
  })
  let text = ''
  child.stdout.on('data', (chunk) => {
    text += String(chunk)
  })
  return inTime('the terminal ends', new Promise((resolve) => child.on('close', () => resolve(JSON.parse(text)))))
}

const under = (...command: string[]): string[] => [STARTER, '--lock-name', freshName(), '--', ...command]
/** As one line for a shell. The command's own text must not contain what the steps wait for. */
const typed = (script: string): string => `${STARTER} --lock-name ${freshName()} -- sh -c '${script}'`
const SHELL = ['bash', '--norc', '-i']

describe.runIf(hasPython)('on a terminal', () => {
  it('the command can open it, and is in the foreground of the same session', async () => {
    const script =
      'echo u""p; read x </dev/tty; ps -o pgid=,tpgid=,sid= -p $$ | { read g t s; [ $g = $t ]; }; echo $x $?'
    const { screen, status } = await onTerminal(under('sh', '-c', script), ['up', 'hello\n'])
    expect([screen.includes('hello 0'), status]).toEqual([true, 0])
  })

  it('Ctrl-C ends the command, and the script around tnl-do as well', async () => {
    const script = `${typed('echo u""p; sleep 1000')}; echo reached`
    const { screen, status } = await onTerminal(['bash', '-c', script], ['up', CTRL_C])
    expect(screen).not.toContain('reached')
    expect(status).toBe(-2)
  })

  it('Ctrl-C does not end a script whose command has an answer to it', async () => {
    const script = `${typed('trap "exit 3" INT; echo u""p; while :; do sleep 0.1; done')}; echo status $?`
    const { screen } = await onTerminal(['bash', '-c', script], ['up', CTRL_C])
    expect(screen).toContain('status 3')
  })

  it('Ctrl-Z stops it, fg continues it in the foreground', async () => {
    const { screen, played } = await onTerminal(
      SHELL,
      ['PROMPT> ', `${typed('echo u""p; read x; echo got $x')}\n`],
      ['up', CTRL_Z],
      ['Stopped', 'fg\n'],
      ['read x', 'hello\n'],
      ['got hello', 'exit\n'],
    )
    expect(played, screen).toBe(5)
  })

  it('in the background it is stopped when it reads, and fg gives it the terminal', async () => {
    const { screen, played } = await onTerminal(
      SHELL,
      // The shell tells of it at once, not at the next prompt.
      ['PROMPT> ', `set -b; ${typed('echo u""p; read x; echo got $x')} &\n`],
      ['Stopped', 'fg\n'],
      ['read x', 'hello\n'],
      ['got hello', 'exit\n'],
    )
    expect(played, screen).toBe(4)
  })

  it('a shell has job control of its own, and the outer one has the terminal back afterwards', async () => {
    const { screen, played } = await onTerminal(
      SHELL,
      ['PROMPT> ', `${STARTER} --lock-name ${freshName()} -- ${SHELL.join(' ')}; read y; echo status $?$y\n`],
      ['PROMPT> ', 'sleep 1000\n'],
      ['sleep 1000', CTRL_Z],
      ['Stopped', 'fg\n'],
      ['sleep 1000', CTRL_C],
      ['PROMPT> ', 'exit 7\n'],
      ['exit', 'back\n'],
      ['status 0back', 'exit\n'],
    )
    expect(played, screen).toBe(8)
  })

  it('the command learns of a new size of the window', async () => {
    const script = 'trap "stty size" WINCH; echo u""p; while [ "$(stty size)" = "0 0" ]; do sleep 0.1; done; sleep 0.1'
    const { screen } = await onTerminal(under('bash', '-c', script), ['up', 'resize'])
    expect(screen).toContain('33 77')
  })
})
