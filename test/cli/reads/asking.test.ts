/** Servers that do not answer what is asked: which words, which exit status, and who is asked next. */
import { createServer, type Server } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { askInfo } from '../../../src/cli/reads/asking.js'
import { CommandFailure } from '../../../src/cli/shared/command-failure.js'

const servers: Server[] = []

afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

/** Answers each line with the next of these, and closes after the last one. */
async function server(...answers: readonly string[]): Promise<{ host: string; port: number }> {
  const made = createServer((socket) => {
    const left = [...answers]
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      for (const _ of String(chunk).trimEnd().split('\n')) {
        const answer = left.shift()
        if (answer !== undefined) socket.write(`${answer}\n`)
        if (left.length === 0) socket.end()
      }
    })
  })
  servers.push(made)
  await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve))
  const address = made.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return { host: '127.0.0.1', port: address.port }
}

const WELCOME = 'welcome,session:1,secret:s,node:n1,leader:n1,lease:10,cluster:c,level:1'
const original = () => server('bad-action')
const older = () => server(WELCOME, 'err,id:1,code:bad-request,message:unknown%20action%20who', 'bye')
const headless = () => server('err,code:no-quorum,message:no%20leader')
const good = () => server(WELCOME, 'info,id:1,{"name":"x"}', 'bye')

async function failing(...endpoints: readonly { host: string; port: number }[]): Promise<readonly [number, string]> {
  const error = await askInfo({ endpoints }, 'who,name:x').catch((thrown: unknown) => thrown)
  if (!(error instanceof CommandFailure)) throw new Error(`no failure: ${String(error)}`)
  return [error.exitCode, error.message]
}

it('goes on to a node that answers', async () => {
  const endpoints = [await original(), await older(), await headless(), await good()]
  expect(await askInfo({ endpoints }, 'who,name:x')).toEqual({ name: 'x' })
})

it('says of older servers what they are: 1, for nobody is missing', async () => {
  expect(await failing(await original())).toEqual([1, expect.stringContaining('an original TcpNetLock server')])
  expect(await failing(await older())).toEqual([1, expect.stringMatching(/unknown action who: .*before 0\.4/)])
})

it('says that there is no quorum, also beside an older server: 125', async () => {
  const [status, words] = await failing(await headless(), await older())
  expect(status).toBe(125)
  expect(words).toMatch(/^no endpoint answered: .*no quorum \(no leader\); .*before 0\.4/)
})

it('asks about TLS where a node closes without a word, and only there', async () => {
  const [, silent] = await failing(await server())
  expect(silent).toMatch(/closed by the server without a word: does it speak TLS\?$/)
  const [, welcoming] = await failing(await server(WELCOME))
  expect(welcoming).toMatch(/the node closed the connection$/)
})
