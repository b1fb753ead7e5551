/** Runs scenario files of membership changes: commands simple, enter-joint [autoleave=true] and leave-joint. */
import { Changer, ConfChangeError } from '../../src/raft/core/confchange/changer.js'
import { type Membership, ProgressTracker } from '../../src/raft/core/tracker/tracker.js'
import { boolArg, type Directive, type RunResult, runFile } from './datadriven.js'
import { describeConfig, describeProgressMap, parseConfChanges } from './notation.js'

export function run(path: string): RunResult {
  const tracker = new ProgressTracker({ maxInflight: 10, maxInflightBytes: 0 })
  // Grows with each command, so that `next=` of a member tells in which command its progress was created.
  let lastIndex = 0
  return runFile(path, (directive) => {
    try {
      tracker.setMembership(change(new Changer(tracker, tracker, lastIndex), directive))
      return `${describeConfig(tracker.config)}\n${describeProgressMap(tracker.progress)}`
    } catch (error) {
      if (error instanceof ConfChangeError) return error.message
      throw error
    } finally {
      lastIndex++
    }
  })
}

function change(changer: Changer, directive: Directive): Membership {
  const changes = parseConfChanges(directive.input)
  switch (directive.cmd) {
    case 'simple':
      return changer.simple(changes)
    case 'enter-joint':
      return changer.enterJoint(boolArg(directive, 'autoleave') ?? false, changes)
    case 'leave-joint':
      if (changes.length > 0) throw new Error('leave-joint takes no input')
      return changer.leaveJoint()
    default:
      throw new Error(`unknown command ${directive.cmd}`)
  }
}
