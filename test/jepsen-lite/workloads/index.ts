import type { Workload } from '../types.js'
import { MutexWorkload } from './mutex.js'
import { RegisterWorkload } from './registers.js'

/** Every workload by its name; a new one is one more line here. */
export const workloads: Readonly<Record<string, () => Workload>> = {
  mutex: () => new MutexWorkload(),
  'register-belief': () => new RegisterWorkload('register-belief'),
  'register-fenced': () => new RegisterWorkload('register-fenced'),
}
