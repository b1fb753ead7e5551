/** Says what was done: a sentence for people, or one line of JSON (docs/cli.md). */
export function say(asJson: boolean, words: string, json: object): void {
  process.stdout.write(`${asJson ? JSON.stringify(json) : words}\n`)
}
