/** What becomes of a guarded command, in every order of events. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { type Fate, type FateEvent, isLost, NO_COMMAND, nextFate } from '../../../src/cli/guardian/fate.js'

const EVENTS: readonly FateEvent[] = [
  'run',
  'started',
  'failed',
  'limit-near',
  'limit-passed',
  'limit-unheeded',
  'told-to-kill',
  'orphaned',
  'leftovers-stay',
  'outlives-kill',
  'nothing-left',
]

const keyOf = (fate: Fate): string => JSON.stringify(fate)

/** Every fate that a guardian can be in, and each way from one to another. */
function explore(): { fates: Fate[]; steps: { from: Fate; event: FateEvent; to: Fate }[] } {
  const fates = new Map<string, Fate>([[keyOf(NO_COMMAND), NO_COMMAND]])
  const steps: { from: Fate; event: FateEvent; to: Fate }[] = []
  for (const from of fates.values()) {
    for (const event of EVENTS) {
      const to = nextFate(from, event)
      steps.push({ from, event, to })
      if (!fates.has(keyOf(to))) fates.set(keyOf(to), to)
    }
  }
  return { fates: [...fates.values()], steps }
}

const { fates, steps } = explore()
const endsIt = (fate: Fate): boolean => fate.at === 'killing' || fate.at === 'stuck'

describe('the fate of a guarded command', () => {
  it('is one of these', () => {
    expect(fates.map((fate) => ('doom' in fate ? `${fate.at} ${fate.doom}` : fate.at)).sort()).toEqual(
      [
        ...['waiting', 'running', 'asked', 'empty', 'leaving'],
        ...['starting null', 'starting orphaned', 'starting lost'],
        ...['killing leftovers', 'killing orphaned', 'killing lost'],
        ...['stuck leftovers', 'stuck orphaned', 'stuck lost'],
      ].sort(),
    )
  })

  it('after the limit is never to run on', () => {
    for (const { to } of steps.filter(({ event }) => event === 'limit-passed')) {
      expect(['running', 'asked']).not.toContain(to.at)
      // One that has not started yet is killed when it has.
      if (to.at === 'starting') expect(nextFate(to, 'started')).toEqual({ at: 'killing', doom: 'lost' })
    }
  })

  it('once it is to be killed, changes for nothing but that nothing is left', () => {
    for (const { from, event, to } of steps.filter(({ from }) => endsIt(from))) {
      if (event !== 'nothing-left') expect(endsIt(to), `${keyOf(from)} ${event}`).toBe(true)
    }
  })

  it('is the end of the session only when no command runs', () => {
    for (const { from, event } of steps.filter(({ from, to }) => to.at === 'leaving' && from.at !== 'leaving')) {
      const nothingRuns = event === 'nothing-left' || event === 'failed' || from.at === 'waiting' || from.at === 'empty'
      expect(nothingRuns, `${keyOf(from)} ${event}`).toBe(true)
    }
  })

  it('once lost stays lost as long as anything is left', () => {
    for (const { from, event, to } of steps.filter(({ from }) => isLost(from))) {
      const isOver = event === 'nothing-left' || event === 'failed'
      expect(isLost(to) || isOver, `${keyOf(from)} ${event}`).toBe(true)
    }
  })

  it('is the end of the guardian without tnl-do, as soon as nothing is left', () => {
    for (const fate of fates) {
      const alone = nextFate(fate, 'orphaned')
      const [last] = alone.at === 'starting' ? [nextFate(alone, 'failed')] : [nextFate(alone, 'nothing-left')]
      expect(last.at, keyOf(fate)).toBe('leaving')
    }
  })
})

describe('the table in fate.ts', () => {
  const text = readFileSync(fileURLToPath(new URL('../../../src/cli/guardian/fate.ts', import.meta.url)), 'utf8')
  const ROWS: Readonly<Record<string, FateEvent>> = {
    started: 'started',
    'limit near': 'limit-near',
    'limit passed': 'limit-passed',
    'told to kill': 'told-to-kill',
    'tnl-do is dead': 'orphaned',
    'leftovers stay': 'leftovers-stay',
    'outlives the kill': 'outlives-kill',
    'nothing is left': 'nothing-left',
  }
  const COLUMNS: readonly Fate[] = [
    { at: 'waiting' },
    { at: 'starting', doom: null },
    { at: 'running' },
    { at: 'asked' },
    { at: 'killing', doom: 'leftovers' },
    { at: 'empty' },
  ]

  function wordFor(from: Fate, to: Fate): string {
    if (to === from) return ''
    if (to.at === 'starting') return 'doomed'
    return to.at === from.at && 'doom' in to ? String(to.doom) : to.at
  }

  it.each(Object.entries(ROWS))('is true in its row %s', (row, event) => {
    const line = text.split('\n').find((each) => each.startsWith(` *   ${row}`)) ?? ''
    const [, ...cells] = line.split('|').map((cell) => cell.replace(/[¹²]/g, '').trim())
    expect(cells).toEqual(COLUMNS.map((from) => wordFor(from, nextFate(from, event))))
  })
})
