/**
 * The lock name that the original makes from the command: words joined, space `.` `/` become `_`, `_` stripped at the ends,
 * what is left outside `[A-Za-z0-9_-]` dropped. Empty when nothing is left.
 */
export function lockNameOf(command: readonly string[]): string {
  return command
    .join(' ')
    .replace(/[ ./]/g, '_')
    .replace(/^_+|_+$/g, '')
    .replace(/[^A-Za-z0-9_-]/g, '')
}
