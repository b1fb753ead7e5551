import { describe, expect, it } from 'vitest'
import { SentRequests } from '../../../src/client/session/sent-requests.js'
import { parseLine } from '../../../src/protocol/line.js'

const line = (text: string) => {
  const parsed = parseLine(text)
  if (parsed === null) throw new Error(`not a line: ${text}`)
  return parsed
}

function made() {
  const requests = new SentRequests()
  const add = (answers: number): number =>
    requests.add({ action: 'x', fields: () => ({}), answered: () => true, failed: () => {} }, answers).id
  return { requests, add, answer: (id: number) => requests.answer(id, line('ok')) }
}

describe('what is acknowledged', () => {
  it('is named by the requests that count: a node that the session was resumed at has heard of no others', () => {
    const { requests, add, answer } = made()
    const [lock, read, release] = [add(1), add(0), add(1)]
    answer(lock)
    expect(requests.newAcknowledgement()).toBe(lock)
    answer(release)
    expect(requests.newAcknowledgement()).toBe(release)
    answer(read)
    add(0)
    expect(requests.newAcknowledgement()).toBeUndefined()
  })

  it('is not held up by what is read for ever', () => {
    const { requests, add, answer } = made()
    add(0)
    const lock = add(3)
    expect(requests.unacknowledged).toBe(3)
    answer(lock)
    expect([requests.newAcknowledgement(), requests.unacknowledged]).toEqual([lock, 0])
  })
})

describe('what is sent again', () => {
  it('asks anew for what it says, and leaves out what nobody waits for', () => {
    const requests = new SentRequests()
    let at = 1
    const reading = { action: 'watch', fields: () => ({ since: at }), answered: () => false, failed: () => {} }
    const first = requests.add(reading, 0)
    const second = requests.add({ ...reading, action: 'locks' }, 0)
    at = 2
    expect(requests.drop(second.id)).toBe(true)
    expect(requests.drop(second.id)).toBe(false)
    expect([...requests.unansweredLines()]).toEqual([`watch,id:${first.id},since:2\n`])
  })
})
