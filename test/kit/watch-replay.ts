/** Somebody who watches, and believes what the lines say: the holds that there are, by name and token. */
import { parseLine } from '../../src/protocol/line.js'
import { isBefore, parsePosition } from '../../src/service/reads/positions.js'

/** Behind it there is everything, by events or by a gap. */
const BEFORE_ALL = '0.0'

export class WatchReplay {
  readonly holds = new Set<string>()
  gaps = 0
  events = 0
  /** From where to go on on another connection; after a gap that was not told to its end, from the beginning of all. */
  at = ''
  #gapAt = ''
  /** What a listing has shown may be told again on later connections, up to here. */
  #exactFrom = BEFORE_ALL
  #repeatedUpTo = BEFORE_ALL
  repeats = 0
  isWatching = false
  /** A gap was told of, and not yet all that there is. */
  isListing = false
  #rest = ''

  /** Only lines of this request. */
  constructor(readonly id: string) {}

  reconnected(): void {
    this.#rest = ''
    this.isListing = false
    this.#repeatedUpTo = this.#exactFrom
    if (this.at === BEFORE_ALL) this.holds.clear()
  }

  take(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) this.#line(line)
  }

  #line(text: string): void {
    const line = parseLine(text)
    if (line === null) throw new Error(`no line: ${text}`)
    if (line.get('id') !== this.id) return
    const hold = `${line.get('name')}@${line.get('token')}`
    const at = line.get('at') ?? ''
    switch (line.action) {
      case 'watching':
        this.isWatching = true
        this.at = at
        return
      case 'gap':
        this.gaps += 1
        this.isListing = true
        this.holds.clear()
        this.at = BEFORE_ALL
        this.#gapAt = at
        this.#exactFrom = BEFORE_ALL
        this.#repeatedUpTo = BEFORE_ALL
        return
      case 'lock':
        if (line.get('state') === 'held') this.#add(hold, text)
        return
      case 'end':
        this.isListing = false
        this.at = this.#gapAt
        this.#exactFrom = line.get('exact-from') ?? BEFORE_ALL
        return
      case 'event':
        this.events += 1
        this.at = at
        if (line.get('type') === 'granted') this.#add(hold, text)
        else if (line.get('type') === 'released' || line.get('type') === 'lost') this.#remove(hold, text)
    }
  }

  #add(hold: string, text: string): void {
    if (this.holds.has(hold)) this.#known(`is there already: ${text}`)
    this.holds.add(hold)
  }

  #remove(hold: string, text: string): void {
    if (!this.holds.delete(hold)) this.#known(`is not there: ${text}`)
  }

  /** It says what is known, which only an event may do that a listing has shown. */
  #known(what: string): void {
    const [at, upTo] = [parsePosition(this.at), parsePosition(this.#repeatedUpTo)]
    if (this.isListing || at === null || upTo === null || isBefore(upTo, at)) throw new Error(what)
    this.repeats += 1
  }
}
