/**
 * A program of the next feature level, as the next release will be one: the present sources with the edits of
 * `next-level-edits.ts`. Tests run it beside the present program, to see a cluster upgraded before there is anything to upgrade to.
 */
import { editedProgram } from './edited.js'
import { EDITS } from './next-level-edits.js'

/** Set by the mutants' tool: a mutant lives in the present program, and the next one is the same for all of them. */
export const NEXT_PROGRAM_VARIABLE = 'TNL_NEXT_PROGRAM'

/** The root of the built program. Throws if one of the edits no longer fits the sources. */
export async function nextLevelProgram(): Promise<string> {
  const given = process.env[NEXT_PROGRAM_VARIABLE] ?? ''
  return given === '' ? editedProgram('next', EDITS) : given
}
