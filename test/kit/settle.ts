/** Resolves when every promise has run that can run now: what virtual time waits for between two events. */
export const settle = (): Promise<void> => new Promise(setImmediate)
