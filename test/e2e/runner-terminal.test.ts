/** A command under tnl-do has the terminal as it would have it without. */
import { spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { endLeftovers, MARKED } from '../kit/leftovers.js'
import { OneServer } from '../kit/one-server.js'
import { STARTER } from '../kit/starter.js'
import { clientVariables, TRANSPORT, TRANSPORTS, type Transport } from '../kit/transport.js'
import { freshName, inTime } from '../kit/wire.js'

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
  server = await OneServer.start({ tls: true })
})
afterEach(endLeftovers)
afterAll(() => server.stop())

type Steps = (readonly [string, string])[]

async function playOver(transport: Transport, command: readonly string[], steps: Steps): Promise<Played> {
  const program = fileURLToPath(new URL('./terminal.py', import.meta.url))
  const child = spawn('python3', [program, JSON.stringify({ command, steps })], {
    env: { ...process.env, ...MARKED, TNL_ENDPOINTS: server.endpoints, ...(await clientVariables(transport)) },
  })
  let text = ''
  child.stdout.on('data', (chunk) => {
    text += String(chunk)
  })
  return inTime('the terminal ends', new Promise((resolve) => child.on('close', () => resolve(JSON.parse(text)))))
}

const onTerminal = (command: readonly string[], ...steps: Steps) => playOver(TRANSPORT, command, steps)

const under = (...command: string[]): string[] => [STARTER, '--lock-name', freshName(), '--', ...command]
/**
 * As one line for a shell. The command's own text must not contain what the steps wait for. Not dash, which loses a Ctrl-C
 * that comes while it starts a child (it catches the signal, and its handler does nothing during a vfork).
 */
const typed = (script: string): string => `${STARTER} --lock-name ${freshName()} -- bash -c '${script}'`
const SHELL = ['bash', '--norc', '-i']
/** The words of the command as `fg` writes them, not as the shell has told of the stop. */
const CONTINUED = 'fg\r\n[^\r]*read x'
/**
 * Says when it is in the foreground, for the first time and again. Until it does a key would still reach the shell, which
 * ignores Ctrl-Z and Ctrl-C; that the shell has written a command's words down (`fg` does too) does not say that it runs.
 * Not dash: stopped between its vfork and the exec of the child, it never stops itself, with tnl-do or without.
 */
const FOREGROUND_JOB = `bash -c 'trap "echo ag\\"\\"ain" CONT; echo u""p; while :; do sleep 0.1; done'`
/** What a person does in a shell under tnl-do, from its first prompt, and then with what started it. */
const JOB_CONTROL = [
  ['INNER> ', `${FOREGROUND_JOB}\n`],
  ['up', CTRL_Z],
  ['Stopped', 'fg\n'],
  ['again', CTRL_C],
  ['INNER> ', 'exit 7\n'],
  ['outer', 'back\n'],
] as const
const inner = (): string =>
  `${STARTER} --lock-name ${freshName()} -- env PS1="INNER"'> ' ${SHELL.join(' ')}; s=$?; echo ou""ter; read y; echo status $s$y`

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

  it.each(TRANSPORTS)('Ctrl-Z stops it, fg continues it in the foreground: %s', async (transport) => {
    const { screen, played } = await playOver(transport, SHELL, [
      ['PROMPT> ', `${typed('echo u""p; read x; echo got $x')}\n`],
      ['up', CTRL_Z],
      ['Stopped', 'fg\n'],
      [CONTINUED, 'hello\n'],
      ['got hello', 'exit\n'],
    ])
    expect(played, screen).toBe(5)
  })

  it('in the background it is stopped when it reads, and fg gives it the terminal', async () => {
    const { screen, played } = await onTerminal(
      SHELL,
      // The shell tells of it at once, not at the next prompt.
      ['PROMPT> ', `set -b; ${typed('echo u""p; read x; echo got $x')} &\n`],
      ['Stopped', 'fg\n'],
      [CONTINUED, 'hello\n'],
      ['got hello', 'exit\n'],
    )
    expect(played, screen).toBe(4)
  })

  it('a shell has job control of its own, and the shell around it has the terminal back afterwards', async () => {
    const { screen, played } = await onTerminal(SHELL, ['PROMPT> ', `${inner()}\n`], ...JOB_CONTROL, [
      'status 7back',
      'exit\n',
    ])
    expect(played, screen).toBe(JOB_CONTROL.length + 2)
  })

  it('so has a script around it, which does not take the terminal by itself', async () => {
    const { screen, played } = await onTerminal(['bash', '-c', inner()], ...JOB_CONTROL)
    expect([played, screen.includes('status 7back')], screen).toEqual([JOB_CONTROL.length, true])
  })

  it('the command learns of a new size of the window', async () => {
    // No `$(…)` while a trap may run: bash reads on in the wrong place then.
    const script = 'trap "stty size; exit" WINCH; echo u""p; while :; do sleep 0.1; done'
    const { screen } = await onTerminal(under('bash', '-c', script), ['up', 'resize'])
    expect(screen).toContain('33 77')
  })
})
