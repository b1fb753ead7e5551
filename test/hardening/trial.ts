/** How much of a trial is run: CI runs the short form, a person with time the long one. */
export type Size = 'short' | 'long'

export interface Outcome {
  readonly ok: boolean
  /** What was seen, with its numbers: the last column of the table. */
  readonly seen: string
}

/**
 * One attack on real processes from `dist`, and what they promise under it. Each runs in a process of its own, with a
 * temporary directory of its own as `os.tmpdir()`; what it leaves behind there, and processes that it leaves running, are
 * cleared away by the runner.
 */
export interface Trial {
  /** The name of its file: `--only NAME`. */
  readonly name: string
  /** What has to be seen, in the words of the promise: the second column of the table. */
  readonly expected: string
  /** False if it takes long or needs a quiet machine: then only `npm run hardening` without `--short` runs it. */
  readonly inShortForm: boolean
  /** A throw counts as a failure, with its message as what was seen. */
  run(size: Size): Promise<Outcome>
}
