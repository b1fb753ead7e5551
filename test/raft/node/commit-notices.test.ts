import { describe, expect, it } from 'vitest'
import { type Message, MsgType, message } from '../../../src/raft/core/messages.js'
import { EntryType } from '../../../src/raft/core/types.js'
import { PROMPT_NOTICE_MS } from '../../../src/raft/limits.js'
import { CommitNotices } from '../../../src/raft/node/commit-notices.js'
import { VirtualClock } from '../../../src/testing/virtual-clock.js'
import { settle } from '../../kit/settle.js'

const FOLLOWER = 2
const notice = (commit: number): Message => message(MsgType.app, FOLLOWER, 1, { commit })
const append = (commit: number): Message =>
  message(MsgType.app, FOLLOWER, 1, {
    commit,
    entries: [{ term: 1, index: 9, type: EntryType.normal, data: new Uint8Array(1) }],
  })

function world() {
  const time = new VirtualClock(settle)
  const late: Message[] = []
  const notices = new CommitNotices(time.forProcess().clock, (_to, messages) => late.push(...messages))
  return { time, late, notices }
}

describe('notices of a commit', () => {
  it('wait a moment, and the newest one is sent then', async () => {
    const { time, late, notices } = world()
    const [older, newer] = [notice(3), notice(4)]
    expect(notices.admit(FOLLOWER, [older])).toEqual([])
    expect(notices.admit(FOLLOWER, [newer])).toEqual([])
    await time.run(1_000)
    expect(late).toEqual([newer])
  })

  it('are needless when an append with entries follows', async () => {
    const { time, late, notices } = world()
    notices.admit(FOLLOWER, [notice(3)])
    const next = append(3)
    expect(notices.admit(FOLLOWER, [next])).toEqual([next])
    await time.run(1_000)
    expect(late).toEqual([])
  })

  it('do not hold up anything else', () => {
    const { notices } = world()
    const heartbeat = message(MsgType.heartbeat, FOLLOWER, 1, {})
    expect(notices.admit(FOLLOWER, [heartbeat, notice(3)])).toEqual([heartbeat])
  })

  it('go at once to a follower whose clients wait, also the one that was held, and only for a while', async () => {
    const { time, late, notices } = world()
    const held = notice(3)
    notices.admit(FOLLOWER, [held])
    notices.proposedBy(FOLLOWER)
    expect(late).toEqual([held])
    const prompt = notice(4)
    expect(notices.admit(FOLLOWER, [prompt])).toEqual([prompt])
    await time.run(PROMPT_NOTICE_MS)
    expect(notices.admit(FOLLOWER, [notice(5)])).toEqual([])
  })
})
