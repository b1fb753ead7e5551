/** Where the service reports what an operator needs to know: a name and facts, never once per request. */
export type ServiceLog = (
  level: 'info' | 'warn' | 'error',
  event: string,
  facts: Readonly<Record<string, unknown>>,
) => void
