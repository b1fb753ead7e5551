/** One screen of `tnl top`, as lines: nothing here knows a terminal. */
import { COLUMNS_DEFAULT, ROWS_WITH_BOTH, ROWS_WITH_NODES, TABLE_MAX_ROWS } from './limits.js'
import type { Queue } from './queue-reader.js'
import type { Order, Settings } from './settings.js'
import type { NodeView, View } from './view.js'

export interface Size {
  readonly columns: number
  /** Infinity: as many as there are. */
  readonly rows: number
}

/** How a line is to look. */
export type Tone = 'plain' | 'title' | 'head' | 'alarm' | 'dim'

export interface ScreenLine {
  readonly text: string
  readonly tone: Tone
}

/** At most `rows` lines of at most `columns` characters. The last one says which keys there are, or takes the filter. */
export function frame(view: View, settings: Settings, size: Size): readonly ScreenLine[] {
  const columns = Math.max(1, size.columns || COLUMNS_DEFAULT)
  const lines = settings.help ? HELP : body(view, settings, { columns, rows: Math.max(0, size.rows - 1) })
  const shown = lines.slice(0, Math.max(0, size.rows - 1))
  // The foot stays at the foot.
  const padding = Number.isFinite(size.rows) ? Math.max(0, size.rows - 1 - shown.length) : 0
  const filling = Array.from({ length: padding }, () => line('', 'plain'))
  return [...shown, ...filling, foot(view, settings)].map(({ text, tone }) => line(clipped(text, columns), tone))
}

/** Without a terminal: no keys, no colours, every row. */
export function plainFrame(view: View, settings: Settings, columns: number): string {
  const lines = body(view, settings, { columns, rows: Number.POSITIVE_INFINITY })
  return lines.map(({ text }) => `${clipped(text, columns).trimEnd()}\n`).join('')
}

const line = (text: string, tone: Tone): ScreenLine => ({ text, tone })

function body(view: View, settings: Settings, { columns, rows }: Size): ScreenLine[] {
  const head = headLines(view)
  const nodes = rows >= ROWS_WITH_NODES ? nodeLines(view, columns, Math.floor(rows / 3)) : []
  const left = rows - head.length - nodes.length
  return [...head, ...nodes, ...queueLines(view, settings, { columns, rows: left }, rows >= ROWS_WITH_BOTH)]
}

function headLines(view: View): ScreenLine[] {
  const { cluster, leader, term, level, locks, sessions, waiters, queues, nodes, problem } = view
  const up = nodes.filter(({ error }) => error === null).length
  const named = leader === null ? 'no leader' : `leader ${leader}`
  const id = cluster === null ? '' : `  cluster ${cluster.slice(0, CLUSTER_ID_SHOWN_CHARS)}`
  const names = queues === null ? '' : ` on ${queues.count} ${queues.count === 1 ? 'name' : 'names'}`
  const rates = [
    `req/s ${perSecond(view.requestsPerSecond)}`,
    `granted/s ${perSecond(view.grantsPerSecond)}`,
    `refused/s ${perSecond(view.refusalsPerSecond)}`,
  ]
  const first = `${named}, term ${term}  ${up} of ${nodes.length} nodes  sessions ${sessions}  level ${level}${id}`
  const lines = [
    line(first, leader === null ? 'alarm' : 'title'),
    line(`locks ${locks}  waiting ${waiters}${names}  ${rates.join('  ')}`, 'plain'),
  ]
  return problem === null ? lines : [...lines, line(printable(problem), 'alarm')]
}

/** Enough to tell one cluster from another. */
const CLUSTER_ID_SHOWN_CHARS = 8

const NODE_HEAD = ['NODE', 'ROLE', 'APPLIED', 'LAG', 'LEASE', 'CLIENTS', 'REQ/S', 'VERSION']

function nodeLines({ nodes, leader }: View, columns: number, rows: number): ScreenLine[] {
  const most = Math.max(1, rows - 3)
  const shown = nodes.slice(0, nodes.length > most ? most - 1 : most)
  const table = columnsOf([NODE_HEAD, ...shown.map(nodeCells)], columns, [NODE_HEAD.length - 1, 0])
  const more = nodes.length - shown.length
  return [
    line('', 'plain'),
    ...table.map((text, at) => line(text, toneOfNode(shown[at - 1], leader))),
    ...(more > 0 ? [line(`… and ${more} more`, 'dim')] : []),
  ]
}

function toneOfNode(node: NodeView | undefined, leader: string | null): Tone {
  if (node === undefined) return 'head'
  if (node.error !== null) return 'alarm'
  return node.node === leader ? 'title' : 'plain'
}

function nodeCells(node: NodeView): string[] {
  const name = node.node ?? node.endpoint
  if (node.error !== null) return [name, node.role, '', '', '', '', '', printable(node.error)]
  const { role, applied, lag, lease, connections, requestsPerSecond, version } = node
  const right = lease > 0 ? `${lease.toFixed(1)} s` : 'none'
  return [name, role, String(applied), String(lag), right, String(connections), perSecond(requestsPerSecond), version]
}

function queueLines({ queues }: View, settings: Settings, { columns, rows }: Size, hasRoom: boolean): ScreenLine[] {
  if (queues === null) return []
  const { order, filter } = settings
  if (queues.count === 0) {
    const where = filter === '' ? '' : ` for names that begin with ${filter}`
    return [line('', 'plain'), line(`nobody waits${where}`, 'dim')]
  }
  if (order !== 'both' || !hasRoom) {
    const sorted = inOrder(queues.contended.concat(queues.oldest), order === 'both' ? 'waiters' : order)
    return section(TITLES[order === 'both' ? 'waiters' : order], sorted, settings.scrolled, columns, rows)
  }
  const upper = Math.ceil(rows / 2)
  return [
    ...section(TITLES.waiters, queues.contended, 0, columns, upper),
    ...section(TITLES.oldest, queues.oldest, 0, columns, rows - Math.min(upper, queues.contended.length + 2)),
  ]
}

const TITLES: Readonly<Record<Exclude<Order, 'both'>, string>> = {
  waiters: 'MOST CONTENDED',
  oldest: 'OLDEST WAITERS',
  held: 'LONGEST HELD',
  name: 'NAME',
}

function section(
  title: string,
  queues: readonly Queue[],
  scrolled: number,
  columns: number,
  rows: number,
): ScreenLine[] {
  const room = Math.min(TABLE_MAX_ROWS, Math.max(1, rows - 2))
  const from = Math.min(scrolled, Math.max(0, queues.length - room))
  const shown = queues.slice(from, from + room)
  const head = [title, 'WAITING', 'SINCE', 'FIRST WAITER', 'HOLDER', 'HELD']
  const table = columnsOf([head, ...shown.map(queueCells)], columns, [WAITER_COLUMN, HOLDER_COLUMN, 0])
  return [line('', 'plain'), ...table.map((text, at) => line(text, at === 0 ? 'head' : 'plain'))]
}

const [WAITER_COLUMN, HOLDER_COLUMN] = [3, 4]

function queueCells({ name, waiters, waiter, waitedFor, holder, heldFor, holds }: Queue): string[] {
  // The number stays where the name is cut.
  const holders = holder === undefined ? '-' : holds > 1 ? `(${holds}) ${holder}` : holder
  const held = heldFor === undefined ? '' : shortAge(heldFor)
  return [name, String(waiters), shortAge(waitedFor), waiter, holders, held]
}

/** Each name once. */
function inOrder(queues: readonly Queue[], order: Exclude<Order, 'both'>): Queue[] {
  const byName = new Map(queues.map((queue) => [queue.name, queue]))
  const later: Readonly<Record<typeof order, (a: Queue, b: Queue) => number>> = {
    waiters: (a, b) => b.waiters - a.waiters,
    oldest: (a, b) => b.waitedFor - a.waitedFor,
    held: (a, b) => (b.heldFor ?? 0) - (a.heldFor ?? 0),
    name: () => 0,
  }
  return [...byName.values()].sort((a, b) => later[order](a, b) || (a.name < b.name ? -1 : 1))
}

function foot({ at }: View, { typing, filter, paused, order, intervalMs }: Settings): ScreenLine {
  if (typing !== null) return line(`names that begin with: ${typing}_   Enter takes it, Esc leaves it`, 'head')
  const state = paused ? 'paused' : `every ${intervalMs / 1000} s`
  const shown = filter === '' ? '' : `  only ${filter}`
  const time = at.toISOString().slice(11, 19)
  return line(`${time} ${state}${shown}  sorted: ${order}   q quit  s sort  / filter  p pause  ? help`, 'head')
}

const HELP: readonly ScreenLine[] = [
  line('tnl top: who leads, how much is done, what is waited for', 'title'),
  line('', 'plain'),
  ...[
    'q, Ctrl-C   quit',
    's           the next order: both, waiters, oldest, held, name; or at once:',
    'b           both tables: the most contended names, and the oldest waiters',
    'w o h n     by waiters, by the oldest waiter, by how long it is held, by name',
    '/           only names that begin with what you type; Esc: all again',
    'p           pause; Space: look again now',
    '+ -         twice as often, half as often',
    'up, down    scroll a table (also Page Up and Page Down)',
    '?           this page',
    '',
    'tnl who NAME and tnl why NAME say more of one of them.',
  ].map((text) => line(text, 'plain')),
]

/**
 * Columns side by side. Where they are too wide those of `elastic` give way, the first one first, as far as its head, and no
 * further than to a width at which names can still be told apart.
 */
function columnsOf(rows: readonly (readonly string[])[], columns: number, elastic: readonly number[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  let excess = widths.reduce((total, width) => total + width + GAP.length, -GAP.length) - columns
  for (const column of elastic) {
    const width = widths[column] ?? 0
    const least = Math.min(width, Math.max(rows[0]?.[column]?.length ?? 0, COLUMN_MIN_CHARS))
    widths[column] = Math.max(least, width - Math.max(0, excess))
    excess -= width - (widths[column] ?? 0)
  }
  return rows.map((row) =>
    row.map((cell, column) => clipped(cell, widths[column] ?? 0).padEnd(widths[column] ?? 0)).join(GAP),
  )
}

const COLUMN_MIN_CHARS = 14
const GAP = '  '

/** Cut, visibly, to `columns` characters. */
function clipped(text: string, columns: number): string {
  return text.length <= columns ? text : `${text.slice(0, Math.max(0, columns - 1))}…`
}

/** The words of an error may come from anywhere. */
const printable = (text: string): string => text.replace(/[^\x20-\x7e]/g, '?')

/** Seconds as `42s`, `3m20s`, `2h05m`, `4d03h`. */
export function shortAge(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds))
  const two = (value: number): string => String(value).padStart(2, '0')
  if (whole < 60) return `${whole}s`
  if (whole < 3_600) return `${Math.floor(whole / 60)}m${two(whole % 60)}s`
  if (whole < 86_400) return `${Math.floor(whole / 3_600)}h${two(Math.floor(whole / 60) % 60)}m`
  return `${Math.floor(whole / 86_400)}d${two(Math.floor(whole / 3_600) % 24)}h`
}

const perSecond = (rate: number | null): string => (rate === null ? '-' : rate < 10 ? rate.toFixed(1) : rate.toFixed(0))
