import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'

const LINES = 20_000

it('loses no line when the reader is slower than the writer', async () => {
  const helper = fileURLToPath(new URL('./say-line.ts', import.meta.url))
  const talk = `import { sayLine } from ${JSON.stringify(helper)}
    for (let number = 0; number < ${LINES}; number++) sayLine(number + ' ' + 'x'.repeat(200))`
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', talk], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const ended = once(child, 'exit')
  let next = 0
  for await (const line of createInterface({ input: child.stdout })) {
    expect(Number.parseInt(line, 10)).toBe(next)
    next += 1
    if (next % 100 === 0) await new Promise(setImmediate)
  }
  expect(next).toBe(LINES)
  expect(await ended).toEqual([0, null])
})
