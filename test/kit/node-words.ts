/** The words of a node, with changes. */

/** `words` with another value for the option `name`, which is there. */
export function withOption(words: readonly string[], name: string, value: string): string[] {
  if (!words.includes(name)) throw new Error(`${name} is not among ${words.join(' ')}`)
  return words.map((word, at) => (words[at - 1] === name ? value : word))
}

export function withoutOption(words: readonly string[], name: string): string[] {
  return words.filter((word, at) => word !== name && words[at - 1] !== name)
}
