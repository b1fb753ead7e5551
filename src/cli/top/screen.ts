/**
 * The terminal while `tnl top` has it: the alternate screen, no cursor, keys as they are pressed. However the program ends,
 * the terminal is as it was: `leave` writes at once, and is also called when the process exits.
 */
import { writeSync } from 'node:fs'
import { emitKeypressEvents } from 'node:readline'
import type { ReadStream, WriteStream } from 'node:tty'
import type { ScreenLine, Size, Tone } from './frame.js'
import { COLUMNS_DEFAULT } from './limits.js'
import type { Key } from './settings.js'

const STDOUT = 1
const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J'
const LEAVE = '\x1b[?7h\x1b[?25h\x1b[?1049l'
const RESET = '\x1b[0m'
const STYLES: Readonly<Record<Tone, string>> = {
  plain: '',
  title: '\x1b[1m',
  head: '\x1b[7m',
  alarm: '\x1b[1;31m',
  dim: '\x1b[2m',
}

export class Screen {
  #isEntered = false
  readonly #leave = (): void => this.leave()
  readonly #keyPressed: (text: string | undefined, key: Key) => void

  constructor(
    private readonly output: WriteStream,
    /** Null: nobody is at the keys. */
    private readonly input: ReadStream | null,
    private readonly hasColours: boolean,
    pressed: (key: Key) => void,
  ) {
    this.#keyPressed = (text, key) => pressed({ ...key, sequence: key.sequence ?? text })
    if (input !== null) emitKeypressEvents(input)
  }

  get size(): Size {
    const { columns, rows } = this.output
    return { columns: columns || COLUMNS_DEFAULT, rows: rows || 24 }
  }

  enter(): void {
    if (this.#isEntered) return
    this.#isEntered = true
    process.on('exit', this.#leave)
    writeSync(STDOUT, ENTER)
    this.input?.setRawMode(true)
    this.input?.on('keypress', this.#keyPressed)
    this.input?.resume()
  }

  leave(): void {
    if (!this.#isEntered) return
    this.#isEntered = false
    process.off('exit', this.#leave)
    try {
      this.input?.off('keypress', this.#keyPressed)
      this.input?.setRawMode(false)
      this.input?.pause()
      writeSync(STDOUT, LEAVE)
    } catch {
      // The terminal is gone: nothing is left to restore.
    }
  }

  /** A terminal that does not take what it got, stopped by Ctrl-S for example, is shown the newest when it goes on. */
  draw(lines: readonly ScreenLine[]): void {
    if (!this.#isEntered || this.output.writableLength > 0) return
    const { columns } = this.size
    const painted = lines.map(({ text, tone }) => {
      const style = this.hasColours ? STYLES[tone] : ''
      return style === '' ? `${text}\x1b[K` : `${style}${tone === 'head' ? text.padEnd(columns) : text}${RESET}\x1b[K`
    })
    this.output.write(`\x1b[H${painted.join('\r\n')}\x1b[J`)
  }
}
