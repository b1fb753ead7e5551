import { describe, expect, it } from 'vitest'
import { ExclusionCheck } from '../../../src/cli/bench/exclusion-check.js'
import { LatencyRecorder } from '../../../src/cli/bench/percentiles.js'

describe('ExclusionCheck', () => {
  it('is content with grants that follow releases', () => {
    const check = new ExclusionCheck()
    check.granted('a', 1, 10)
    check.granted('b', 2, 11)
    check.releasing('a')
    check.granted('a', 2, 12)
    expect(check.violations).toEqual([])
  })

  it('finds a second holder', () => {
    const check = new ExclusionCheck()
    check.granted('a', 1, 10)
    check.granted('a', 2, 11)
    expect(check.violations).toEqual(['a: granted to client 2 while 1 held it'])
  })

  it.each([10, 9])('finds a token that did not grow (%i after 10)', (token) => {
    const check = new ExclusionCheck()
    check.granted('a', 1, 10)
    check.releasing('a')
    check.granted('a', 2, token)
    expect(check.violations).toEqual([`a: token ${token} after 10`])
  })
})

describe('LatencyRecorder', () => {
  it('gives nearest-rank percentiles', () => {
    const recorder = new LatencyRecorder()
    for (let ms = 100; ms >= 1; ms -= 1) recorder.add(ms)
    expect(recorder.summary()).toEqual({ count: 100, p50Ms: 50, p90Ms: 90, p99Ms: 99, maxMs: 100 })
  })

  it('is all zero without samples', () => {
    expect(new LatencyRecorder().summary()).toEqual({ count: 0, p50Ms: 0, p90Ms: 0, p99Ms: 0, maxMs: 0 })
  })
})
