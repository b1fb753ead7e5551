/** Commands that try to outlive their lock. Each prints `job PID` for every process that stays. */
import { WITHOUT_ENVIRONMENT } from '../kit/leftovers.js'

const JOB = 'sh -c \'echo "job $$"; exec sleep 1000\''
const STUBBORN = 'sh -c \'trap "" TERM HUP INT QUIT; echo "job $$"; while :; do sleep 0.1; done\''

export interface ProofCommand {
  readonly name: string
  readonly words: readonly string[]
  /** How many lines `job PID` it prints. */
  readonly jobs: number
}

const one = (name: string, script: string, shell = 'sh'): ProofCommand => ({
  name,
  words: [shell, '-c', script],
  jobs: 1,
})

/** Each ends by itself when it is told to by SIGTERM, or not at all. */
export const COMMANDS: readonly ProofCommand[] = [
  one('ignores SIGTERM', `exec ${STUBBORN}`),
  one('grandchildren', `sh -c '${JOB.replaceAll("'", "'\\''")} & wait' & wait`),
  one('timeout', `timeout 600 ${JOB}`),
  one('set -m', `set -m; ${JOB} & wait`, 'bash'),
  one('setsid', `setsid -w ${STUBBORN}`),
  one('double fork', `(setsid ${STUBBORN} &); sleep 1000`),
  one('without its environment', `(${WITHOUT_ENVIRONMENT} setsid ${JOB} &); sleep 1000`),
]

/** All of them at once. */
export const EVERYTHING: ProofCommand = {
  name: 'all of these at once',
  words: [
    'bash',
    '-c',
    [
      `${STUBBORN} &`,
      `sh -c '${JOB.replaceAll("'", "'\\''")} & wait' &`,
      `timeout 600 ${JOB} &`,
      `(set -m; ${JOB} & wait) &`,
      `setsid -w ${STUBBORN} &`,
      `(setsid ${STUBBORN} &)`,
      `(${WITHOUT_ENVIRONMENT} setsid ${JOB} &)`,
      'wait',
    ].join('\n'),
  ],
  jobs: 7,
}
