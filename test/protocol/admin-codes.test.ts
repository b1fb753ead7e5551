import { expect, it } from 'vitest'
import { ADMIN_CODES, mayPass } from '../../src/protocol/admin-codes.js'
import { ERROR_CODES } from '../../src/protocol/error-codes.js'

it('says which refusals pass by waiting: whoever promotes a member waits for these and for no others', () => {
  expect(['behind', 'unreachable', 'change-under-way', 'not-leader'].map(mayPass)).toEqual([true, true, true, true])
  expect(
    ['not-member', 'impossible-change', 'quorum-at-risk', 'bad-request', 'busy', 'constructor'].map(mayPass),
  ).toEqual(Array.from({ length: 6 }, () => false))
})

it('has no code that means something else in the session dialect', () => {
  expect(Object.keys(ADMIN_CODES).filter((code) => (ERROR_CODES as readonly string[]).includes(code))).toEqual([])
})
