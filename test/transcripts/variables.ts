/** What stands for something that differs from run to run, in lines that are sent and in lines that are expected. */

const PLACEHOLDERS: Readonly<Record<string, string>> = {
  number: '\\d+',
  seconds: '\\d+(?:\\.\\d+)?',
  word: '[^,]+',
  rest: '.*',
}
const PLACEHOLDER = /\(([a-z]+)\)/g
/** `(T1)` is whatever stood there when it was met first; `(alice.session)` is what alice's `welcome` said. */
const NAME = '[A-Z][A-Za-z0-9]*|[a-z][a-z0-9-]*\\.(?:session|secret|end)'
const VARIABLE = new RegExp(`\\((${NAME})\\)`, 'g')
const ESCAPED_VARIABLE = new RegExp(`\\((${NAME.replace('\\.', '\\\\\\.')})\\)`, 'g')

const escaped = (text: string): string => text.replace(/[.*+?^${}|[\]\\]/g, '\\$&')

export class Variables {
  readonly #values = new Map<string, string>()

  set(name: string, value: string): void {
    this.#values.set(name, value)
  }

  /** A line as it is sent. */
  filled(text: string): string {
    return text.replace(VARIABLE, (_, name: string) => {
      const value = this.#values.get(name)
      if (value === undefined) throw new Error(`(${name}) was not met before`)
      return value
    })
  }

  /** Takes what is met here for the first time. Throws if `line` is another one than expected. */
  match(expected: string, line: string): void {
    const met: string[] = []
    const pattern = escaped(expected)
      .replace(ESCAPED_VARIABLE, (_, found: string) => {
        const name = found.replace('\\.', '.')
        const value = this.#values.get(name)
        if (value !== undefined) return escaped(value)
        if (met.includes(name)) return `\\k<${name}>`
        met.push(name)
        return `(?<${name}>[^,]+)`
      })
      .replace(PLACEHOLDER, (all, name: string) => PLACEHOLDERS[name] ?? all)
    const found = new RegExp(`^${pattern}$`).exec(line)
    if (found === null) throw new Error(`expected ${expected}, received ${line}`)
    for (const name of met) this.#values.set(name, found.groups?.[name] ?? '')
  }
}
