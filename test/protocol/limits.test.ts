/** Limits that stand in several rings belong together: what one end promises the other must be able to keep. */
import { describe, expect, it } from 'vitest'
import * as client from '../../src/client/limits.js'
import * as machine from '../../src/locks/limits.js'
import {
  DELAY_MAX_MS,
  LOCKS_PER_SESSION_MAX,
  META_MAX_BYTES,
  NAME_MAX_BYTES,
  UNACKNOWLEDGED_PER_SESSION_MAX,
} from '../../src/locks/limits.js'
import {
  ANSWER_LINE_MAX_BYTES,
  CLIENT_ID_MAX_CHARS,
  LINE_MAX_BYTES,
  LOCK_DELAY_MAX_MS,
  LOCK_NAME_MAX_CHARS,
  LOCKS_PER_SESSION_MAX_COUNT,
  METADATA_MAX_BYTES,
  SESSION_LEASE_DEFAULT_MS,
  SESSION_LEASE_MAX_MS,
  SESSION_LEASE_MIN_MS,
  SESSION_LINE_MAX_BYTES,
  UNACKNOWLEDGED_MAX_COUNT,
} from '../../src/protocol/limits.js'

describe('limits', () => {
  it('of the protocol lie within those of the state machine', () => {
    expect(UNACKNOWLEDGED_MAX_COUNT).toBe(UNACKNOWLEDGED_PER_SESSION_MAX)
    expect(LOCKS_PER_SESSION_MAX_COUNT).toBeLessThanOrEqual(LOCKS_PER_SESSION_MAX)
    expect(LOCK_NAME_MAX_CHARS).toBeLessThanOrEqual(NAME_MAX_BYTES)
    expect(METADATA_MAX_BYTES).toBe(META_MAX_BYTES)
    expect(LOCK_DELAY_MAX_MS).toBe(DELAY_MAX_MS)
  })

  it('of the client are those of the state machine', () => {
    expect(client.NAMES_PER_REQUEST_MAX_COUNT).toBe(machine.NAMES_PER_REQUEST_MAX)
    expect(client.PERMITS_MAX_COUNT).toBe(machine.PERMITS_MAX)
    expect(client.HOLDING_MAX_COUNT).toBe(machine.KEPT_MAX)
    expect(client.MIN_HOLD_MAX_MS).toBe(machine.MIN_HOLD_MAX_MS)
    expect(client.TTL_MAX_MS).toBe(machine.TTL_MAX_MS)
    expect(client.ONCE_TTL_MAX_MS).toBe(machine.ONCE_TTL_MAX_MS)
  })

  it('leave room in a line for the longest request, and in an answer for what a request brought', () => {
    const name = `,name:${'x'.repeat(LOCK_NAME_MAX_CHARS)}@${machine.PERMITS_MAX}/${machine.PERMITS_MAX}`
    const keys =
      'lock,id:9007199254740991,wait:forever,delay:86400.001,min-hold:86400.001,ttl:2592000.001,loose:yes,once:,once-ttl:315360000.001,meta:,ack:9007199254740991'
    const lineBytes =
      machine.NAMES_PER_REQUEST_MAX * name.length + 3 * METADATA_MAX_BYTES + LOCK_NAME_MAX_CHARS + keys.length
    expect(lineBytes).toBeLessThanOrEqual(SESSION_LINE_MAX_BYTES)
    expect(LINE_MAX_BYTES).toBeLessThanOrEqual(SESSION_LINE_MAX_BYTES)
    // Every character of a client id or of metadata may need three, escaped.
    expect(3 * (META_MAX_BYTES + CLIENT_ID_MAX_CHARS) + LINE_MAX_BYTES).toBeLessThanOrEqual(ANSWER_LINE_MAX_BYTES)
    expect(SESSION_LINE_MAX_BYTES).toBeLessThanOrEqual(ANSWER_LINE_MAX_BYTES)
  })

  it('of a lease are in order', () => {
    expect(SESSION_LEASE_MIN_MS).toBeLessThanOrEqual(SESSION_LEASE_DEFAULT_MS)
    expect(SESSION_LEASE_DEFAULT_MS).toBeLessThanOrEqual(SESSION_LEASE_MAX_MS)
  })
})
