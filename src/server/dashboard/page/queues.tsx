/** Where clients wait: the longest queues, and those who have waited longest. */
import type { Overview, QueueRow } from '../overview.js'
import { Badge, Empty, LockName, Panel } from './pieces.js'
import { count, duration, plural } from './words.js'

const ROWS = 6

export function Queues({ overview }: { overview: Overview }) {
  const { longest, oldest } = overview
  const most = longest[0]?.waiters ?? 1
  const longestWait = oldest[0]?.waitedFor ?? 1
  return (
    <div class="columns">
      <Panel title="Longest queues">
        {longest.length === 0 ? <Empty>Nobody waits for a lock.</Empty> : null}
        <ol class="bars">
          {longest.slice(0, ROWS).map((row) => (
            <QueueLine key={row.name} row={row} share={row.waiters / most} value={`${count(row.waiters)} waiting`} />
          ))}
        </ol>
      </Panel>
      <Panel title="Longest waits">
        {oldest.length === 0 ? <Empty>Nobody waits for a lock.</Empty> : null}
        <ol class="bars">
          {oldest.slice(0, ROWS).map((row) => (
            <QueueLine
              key={row.name}
              row={row}
              share={row.waitedFor / Math.max(longestWait, 0.001)}
              value={duration(row.waitedFor)}
            />
          ))}
        </ol>
      </Panel>
    </div>
  )
}

function QueueLine({ row, share, value }: { row: QueueRow; share: number; value: string }) {
  const { holder, heldFor, holds } = row
  const others = holds > 1 ? ` and ${plural(holds - 1, 'other')}` : ''
  return (
    <li>
      <div class="bar-head">
        <LockName name={row.name} />
        <span class="bar-value">{value}</span>
      </div>
      <svg class="bar" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
        <rect class="bar-track" width="100" height="4" />
        <rect class="bar-fill" width={Math.max(1.5, 100 * Math.min(1, share))} height="4" />
      </svg>
      <div class="bar-note">
        {holder === '' ? 'held by nobody now' : `held by ${holder}${others} for ${duration(heldFor)}`}
      </div>
    </li>
  )
}

export function Freezes({ overview }: { overview: Overview }) {
  const { freezes, freezeCount, now } = overview
  if (freezeCount === 0) return null
  return (
    <Panel title="Frozen" more={<Badge tone="warn">{plural(freezeCount, 'prefix', 'prefixes')}</Badge>}>
      <ul class="freezes">
        {freezes.map(({ prefix, reason, until }) => (
          <li key={prefix}>
            <code>{prefix === '' ? 'all names' : `${prefix}…`}</code>
            <span>{reason}</span>
            <span class="muted">
              {until === undefined ? 'until it is thawed' : `for ${duration(until - now)} more`}
            </span>
          </li>
        ))}
      </ul>
    </Panel>
  )
}
