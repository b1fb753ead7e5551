/** What a mutant is: a bug put into a copy of the sources on purpose, to see which of the checks notice it. */

/** What may notice a mutant; `tests` are those of vitest. */
export type KillerName = 'scenarios' | 'tests' | 'simulator' | 'torture'

export interface Edit {
  /** From the root of the repository. */
  readonly file: string
  /** Occurs exactly once in the file. */
  readonly find: string
  readonly replace: string
}

export const edit = (file: string, find: string, replace: string): Edit => ({ file, find, replace })

interface Described {
  readonly id: string
  /** What is broken, in the words of the rule that it breaks. */
  readonly title: string
  /**
   * Where the rule comes from: `rule 3` or a section of rules.md, `I9` of ARCHITECTURE.md, `others` for a bug that other
   * Raft implementations had, or `own`.
   */
  readonly rule: string
}

export interface AppliedMutant extends Described {
  readonly edits: readonly Edit[]
  /** Only these are tried: the others cannot reach the place. */
  readonly killers?: readonly KillerName[]
  /** Folders or files of tests to run, instead of those that belong to the edited files. */
  readonly tests?: readonly string[]
  /** Why nothing that can be observed changes; a mutant that carries this may survive. */
  readonly equivalent?: string
  readonly note?: string
}

/** A bug of the literature that this design has no place for. */
export interface InapplicableMutant extends Described {
  readonly notApplicable: string
}

export type Mutant = AppliedMutant | InapplicableMutant
