/** Bounds of completion: somebody has pressed a key and waits. */

/** Without a word for this long a node has no names to offer. */
export const KEY_ANSWER_TIMEOUT_MS = 1_000
/** Nobody reads more than a screen of names. */
export const KEYS_SHOWN_COUNT = 200
