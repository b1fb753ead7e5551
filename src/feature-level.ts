/**
 * What a program can say and read, as one number: one more with each release that adds a command, a field of one, a record of
 * a snapshot, or a layout of the data directory (rules.md, Versions; docs/operations/upgrade.md).
 *
 * Two levels must not be confused. *This program's* level says what it could do. *The cluster's* level is replicated, and
 * says what is used: nothing of level n is made before the cluster has it, and it gets it only when every member could.
 */

/** Of the first release that promises upgrades, 0.3.0. A cluster begins with it, whatever programs form it. */
export const BASE_LEVEL = 1

/** The whole lock service: modes, permits, several names, times, marks, freezes (ADR 28). */
export const SERVICE_LEVEL = 2

/** Of this program. */
export const FEATURE_LEVEL: number = SERVICE_LEVEL
