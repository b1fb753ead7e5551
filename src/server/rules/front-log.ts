/** Where the front reports what an operator needs to know: a name and facts, never once per request. */
export type FrontLog = (
  level: 'info' | 'warn' | 'error',
  event: string,
  facts: Readonly<Record<string, unknown>>,
) => void
