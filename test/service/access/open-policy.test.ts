/** Who may what where there is no auth file: as before there were any. */
import { describe, expect, it } from 'vitest'
import { nobody } from '../../../src/service/access/caller.js'
import { ADMIN_OFF_TEXT, type AdminFrom, openPolicy } from '../../../src/service/access/open-policy.js'

const [here, elsewhere] = [nobody(true), nobody(false)]

function administers(adminFrom: AdminFrom, caller: typeof here): readonly boolean[] {
  const policy = openPolicy(adminFrom, false)
  const refusals = [
    policy.refusal(caller, 'break', 'x'),
    policy.refusalUnder(caller, 'break', ''),
    ...(['members', 'transfer', 'snapshot'] as const).map((verb) => policy.refusalOfCluster(caller, verb)),
  ]
  return [...new Set(refusals.map((refusal) => refusal === null))]
}

describe('administration', () => {
  it('is for this machine', () => {
    expect([administers('this machine', here), administers('this machine', elsewhere)]).toEqual([[true], [false]])
  })

  it('is for all with --allow-admin', () => {
    expect([administers('anywhere', here), administers('anywhere', elsewhere)]).toEqual([[true], [true]])
  })

  it('is for nobody with --admin off', () => {
    expect([administers('nowhere', here), administers('nowhere', elsewhere)]).toEqual([[false], [false]])
    expect(openPolicy('nowhere', false).refusalOfCluster(here, 'members')).toBe(ADMIN_OFF_TEXT)
  })
})

it('the end of the node is for this machine, and with --allow-shutdown', () => {
  const may = (adminFrom: AdminFrom, allows: boolean, caller: typeof here) =>
    openPolicy(adminFrom, allows).refusalOfCluster(caller, 'shutdown') === null
  expect(may('this machine', true, here)).toBe(true)
  expect(may('this machine', false, here)).toBe(false)
  expect(may('anywhere', true, elsewhere)).toBe(false)
  expect(may('nowhere', true, here)).toBe(false)
})

it('everybody may lock and see, whatever token is shown', () => {
  const policy = openPolicy('this machine', false)
  const caller = policy.identify({ token: 'x', certificateNames: ['n'], isLocal: false })
  expect(caller).toEqual(elsewhere)
  expect([policy.refusal(elsewhere, 'lock', 'x'), policy.refusalUnder(elsewhere, 'see', '')]).toEqual([null, null])
  expect(policy.sees(elsewhere)).toMatchObject({ isAll: true })
})
