/** What tnl-do was started with reaches its command unchanged, and odd circumstances do not matter. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { endLeftovers } from '../kit/leftovers.js'
import { OneServer } from '../kit/one-server.js'
import { DoProgram, STARTER } from '../kit/starter.js'
import { freshName } from '../kit/wire.js'

let server: OneServer
let folder = ''
beforeAll(async () => {
  server = await OneServer.start()
  folder = mkdtempSync(join(tmpdir(), 'tnl-start-'))
})
afterEach(endLeftovers)
afterAll(async () => {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** `script` is for bash: `"$@"` there is tnl-do with what comes before its command. */
async function inShell(
  script: string,
  env: Record<string, string> = {},
): Promise<{ program: DoProgram; code: number | null }> {
  const words = ['bash', '-c', script, 'bash', STARTER, '--lock-name', freshName(), '--']
  const program = new DoProgram(words, { ...server.env, ...env })
  return { program, code: (await program.ended()).code }
}

const said = async (script: string, env?: Record<string, string>): Promise<string> => {
  const { program } = await inShell(script, env)
  return program.stdout + program.stderr
}

/** The C library keeps 32 and 33 for itself, and leaves them ignored. */
const plain = (mask: string): number => Number(BigInt(`0x${mask.trim()}`) & 0x7fffffffn)

describe('unchanged', () => {
  it('the soft limit of open files', async () => {
    expect(await said('ulimit -Sn 512; "$@" sh -c "ulimit -Sn"')).toBe('512\n')
    // One under which Node itself could not run.
    expect(await said('ulimit -Sn 16; "$@" sh -c "ulimit -Sn; sleep 1000 & exit"')).toMatch(
      /^16\n.*is ended now: sleep/,
    )
  })

  it('further descriptors, under their numbers', async () => {
    const file = join(folder, 'three')
    writeFileSync(file, 'three\n')
    const list = 'for each in /proc/$$/fd/*; do [ -e $each ] && echo $each | cut -d/ -f5; done'
    const opened = `exec 3<"${file}" 12>"${file}.out"; LIST='${list}'; eval "$LIST"; echo -`
    const [without, under] = (await said(`${opened}; "$@" bash -c "$LIST; cat <&3; echo twelve >&12"`)).split('-\n')
    expect(without?.split('\n')).toEqual(expect.arrayContaining(['3', '12']))
    expect(under).toBe(`${without}three\n`)
    expect(readFileSync(`${file}.out`, 'utf8')).toBe('twelve\n')
  })

  it('arguments and variables that are not UTF-8, and names that no shell keeps', async () => {
    const script = `ODD=$'\\xff\\xfe' env 'a.b=c' "$@" sh -c 'printf "%s %s" "$1" "$ODD" | od -An -tx1; tr "\\0" "\\n" </proc/$$/environ | grep ^a[.]b=' sh $'\\xe9'`
    expect(await said(script)).toBe(' e9 20 ff fe\na.b=c\n')
  })

  it('the number of variables', async () => {
    const list = 'tr "\\\\0" "\\\\n" </proc/$$/environ | cut -d= -f1 | grep -v ^TNL_ | sort'
    const [without, under] = (
      await said(
        `sh -c '${list}' >${folder}/a; "$@" sh -c '${list}' >${folder}/b; cat ${folder}/a; echo -; cat ${folder}/b`,
      )
    ).split('-\n')
    expect(under).toBe(without)
  })

  it('NODE_OPTIONS, which is the application’s', async () => {
    const env = { NODE_OPTIONS: '--require /no/such/file.js' }
    expect(await said('"$@" sh -c \'echo "$NODE_OPTIONS"\'', env)).toBe('--require /no/such/file.js\n')
  })

  it('ignored signals, in tnl-do and in its command', async () => {
    // The command says what it ignores, then HUP goes to both.
    const script = `trap '' HUP; "$@" sh -c 'sed -n s/SigIgn:.//p /proc/$$/status; kill -HUP -$PPID $$; kill -HUP $TOP; exit 4'`
    const { program, code } = await inShell(`TOP=$$; export TOP; ${script.replace('; "$@"', '; exec "$@"')}`)
    expect([plain(program.stdout), code]).toEqual([1, 4])
  })

  it('no more signals are ignored than before', async () => {
    expect(plain(await said('exec "$@" sed -n s/SigIgn:.//p /proc/self/status'))).toBe(0)
  })
})

describe('works', () => {
  it('with arguments of 100 kB', async () => {
    const { program, code } = await inShell(
      `"$@" sh -c 'printf %s "$1" | wc -c; exit 3' sh "$(head -c 100000 /dev/zero | tr "\\0" x)"`,
    )
    expect([program.stdout, code]).toEqual(['100000\n', 3])
  })

  it('with stdin, stdout and stderr closed', async () => {
    const { code } = await inShell(`exec "$@" sh -c 'echo ran >"${folder}/closed"; exit 5' 0<&- 1>&- 2>&-`)
    expect([code, readFileSync(join(folder, 'closed'), 'utf8')]).toEqual([5, 'ran\n'])
  })

  it('with the environment of cron', async () => {
    const script = `exec env -i TNL_ENDPOINTS="$TNL_ENDPOINTS" TNL_TLS_CA="$TNL_TLS_CA" HOME=/ PATH="$PATH" SHELL=/bin/sh "$@" sh -c 'echo $TNL_LOCK_NAME | wc -l; exit 6'`
    const { program, code } = await inShell(script)
    expect([program.stdout, code]).toEqual(['1\n', 6])
  })

  it('with a script that has no first line of its own', async () => {
    const script = join(folder, 'bare')
    writeFileSync(script, 'echo bare $1; exit 8\n', { mode: 0o755 })
    const { program, code } = await inShell(`"$@" ${script} word`)
    expect([program.stdout, code]).toEqual(['bare word\n', 8])
  })

  it.runIf(process.getuid?.() === 0)('as process 1 of a container', async () => {
    const script = `exec unshare --pid --fork --mount-proc "$@" sh -c 'echo $PPID; (setsid sleep 1000 &); exit 9'`
    const { program, code } = await inShell(script)
    expect([/^\d+\n/.test(program.stdout), code]).toEqual([true, 9])
  })
})
