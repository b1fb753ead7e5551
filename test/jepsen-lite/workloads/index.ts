import type { Workload } from '../types.js'
import { ExactlyOnceWorkload } from './exactly-once.js'
import { FifoWorkload } from './fifo.js'
import { ForceWorkload } from './force.js'
import { FreezeWorkload } from './freeze.js'
import { LongHoldWorkload } from './long-hold.js'
import { MarksWorkload } from './marks.js'
import { MutexWorkload } from './mutex.js'
import { RegisterWorkload } from './registers.js'
import { ResumeWorkload } from './resume.js'
import { SemaphoreWorkload } from './semaphore.js'
import { SeveralWorkload } from './several.js'
import { SharedWorkload } from './shared.js'
import { TimesWorkload } from './times.js'

/** What a cluster of level 1 can do: the others ask for what it refuses. */
export const LEVEL_1_WORKLOADS: ReadonlySet<string> = new Set([
  'mutex',
  'long-hold',
  'fifo',
  'resume',
  'exactly-once',
  'register-belief',
  'register-fenced',
])

/** Every workload by its name; a new one is one more line here. */
export const workloads: Readonly<Record<string, () => Workload>> = {
  mutex: () => new MutexWorkload(),
  'long-hold': () => new LongHoldWorkload(),
  fifo: () => new FifoWorkload(),
  resume: () => new ResumeWorkload(),
  'exactly-once': () => new ExactlyOnceWorkload(),
  'register-belief': () => new RegisterWorkload('register-belief'),
  'register-fenced': () => new RegisterWorkload('register-fenced'),
  shared: () => new SharedWorkload(),
  semaphore: () => new SemaphoreWorkload(),
  several: () => new SeveralWorkload(),
  marks: () => new MarksWorkload(),
  freeze: () => new FreezeWorkload(),
  force: () => new ForceWorkload(),
  times: () => new TimesWorkload(),
}
