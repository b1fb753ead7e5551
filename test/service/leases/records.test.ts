import { expect, it } from 'vitest'
import { type EpochRecord, type EpochRecords, provesDeath } from '../../../src/service/leases/epoch-records.js'

const HERE: EpochRecords = {
  bootId: 'boot-1',
  lockIdentity: '8:42',
  localFs: true,
  load: () => Promise.resolve([]),
  store: () => Promise.resolve(),
}
const RECORD: EpochRecord = { epoch: 7, bootId: 'boot-1', lockIdentity: '8:42' }

it('a record of an earlier process proves that its epoch is dead', () => {
  expect(provesDeath(HERE, [{ ...RECORD, epoch: 6 }, RECORD], 7)).toBe(true)
})

it.each<[string, Partial<EpochRecords>, Partial<EpochRecord>]>([
  ['of another epoch', {}, { epoch: 8 }],
  ['of another boot', {}, { bootId: 'boot-2' }],
  ['under another lock file', {}, { lockIdentity: '8:43' }],
  ['on a file system that is not known to be local', { localFs: false }, {}],
  ['where the kernel tells no boot id', { bootId: '' }, { bootId: '' }],
  ['where the lock file cannot be told', { lockIdentity: '' }, { lockIdentity: '' }],
])('a record %s proves nothing', (_, here, record) => {
  expect(provesDeath({ ...HERE, ...here }, [{ ...RECORD, ...record }], 7)).toBe(false)
})
