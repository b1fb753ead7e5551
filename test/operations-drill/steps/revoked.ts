/** A token is taken away from somebody who is connected. */
import type { Step } from '../drill.js'
import { LineOverTls } from '../line-over-tls.js'

const WITHIN_MS = 10_000

export const step: Step = {
  name: 'revoked',
  expected: `whose token is taken out of the auth file is told and closed within ${WITHIN_MS / 1000} s; the others go on`,
  run: async (drill) => {
    const { security, cluster } = drill
    const [node] = await cluster.followers()
    const wire = await LineOverTls.open(node.port, security.ca)
    wire.send(`hello,version:2,redirect:no,auth:${security.token('revoked')}\n`)
    const welcome = await wire.until((text) => text.includes('\n'))
    if (!welcome.startsWith('welcome')) throw new Error(`its token does not open anything: "${welcome.trim()}"`)
    wire.send('lock,id:1,name:shop/revoked\n')
    await wire.until((text) => text.includes('ok,id:1'))
    const begun = performance.now()
    security.writeAuth(['operators', 'shop'])
    const said = await wire.until(() => false)
    const tookMs = performance.now() - begun
    const told = said.split('\n').find((line) => line.includes('unauthorized'))
    if (told === undefined) throw new Error(`it was closed without a word: "${said}"`)
    if (tookMs > WITHIN_MS) throw new Error(`only after ${(tookMs / 1000).toFixed(1)} s`)
    const again = await LineOverTls.open(node.port, security.ca)
    again.send(`hello,version:2,redirect:no,auth:${security.token('revoked')}\n`)
    const refused = await again.until((text) => text.includes('\n'))
    again.close()
    if (!refused.includes('unauthorized')) throw new Error(`and then it was let in again: "${refused.trim()}"`)
    if (drill.audit(node).includes(security.token('revoked'))) throw new Error('its token is in the audit')
    return `told and closed after ${(tookMs / 1000).toFixed(1)} s, and not let in again`
  },
}
