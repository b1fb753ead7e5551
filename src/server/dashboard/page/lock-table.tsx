/** All locks, a page at a time: the node looks for them, the browser has one page. */
import { useEffect, useState } from 'preact/hooks'
import type { Overview } from '../overview.js'
import { Age, Badge, Empty, LockName, Pager, Panel } from './pieces.js'
import { type Reading, useReading } from './reading.js'
import type { ListedLock, LocksPage } from './shown.js'
import { count, modeWords, plural } from './words.js'

const PAGE_ROWS = 50
/** So long after the last key the search begins. */
const TYPING_MS = 200

/** Pages that were left behind, and what the one that is shown begins behind. */
interface Position {
  readonly after: string
  readonly from: number
}
const BEGINNING: Position = { after: '', from: 0 }

export function LockTable({ overview, version }: { overview: Overview; version: number }) {
  const [typed, type] = useState('')
  const [search, setSearch] = useState('')
  const [onlyContended, setOnlyContended] = useState(false)
  const [position, go] = useState<Position>(BEGINNING)
  useEffect(() => {
    const timer = setTimeout(() => setSearch(typed.trim()), TYPING_MS)
    return () => clearTimeout(timer)
  }, [typed])
  useEffect(() => go(BEGINNING), [search, onlyContended])

  const query = new URLSearchParams({ limit: String(PAGE_ROWS) })
  if (search !== '') query.set('search', search)
  if (onlyContended) query.set('contended', 'yes')
  if (position.after !== '') query.set('after', position.after)
  const { reading, from } = useLast({
    reading: useReading<LocksPage>(`/v1/locks?${query}`, version),
    from: position.from,
  })
  const page = reading.kind === 'there' ? reading.value : null
  const { lock_count: held } = overview.status
  return (
    <Panel title="Locks" more={held === undefined ? null : <span class="muted">{plural(held, 'hold')}</span>}>
      <search class="filters">
        <input
          type="search"
          placeholder="Search a name or a holder"
          aria-label="Search a name or a holder"
          maxLength={255}
          spellcheck={false}
          autocomplete="off"
          value={typed}
          onInput={({ currentTarget }) => type(currentTarget.value)}
        />
        <label>
          <input
            type="checkbox"
            checked={onlyContended}
            onChange={({ currentTarget }) => setOnlyContended(currentTarget.checked)}
          />
          only those waited for
        </label>
      </search>
      {reading.kind === 'failed' ? <Empty>{reading.why}</Empty> : null}
      {page === null ? null : <Rows page={page} now={overview.now} isFiltered={search !== '' || onlyContended} />}
      {page === null ? null : (
        <Pager
          from={from}
          shown={page.locks.length}
          hasNext={page.after !== undefined}
          onFirst={() => go(BEGINNING)}
          onNext={() => go({ after: page.after ?? '', from: from + page.locks.length })}
        />
      )}
    </Panel>
  )
}

interface Shown {
  readonly reading: Reading<LocksPage>
  /** How many rows are before its first. */
  readonly from: number
}

/** What was there stays while the next page is on its way: nothing flickers, and the numbers are those of the rows. */
function useLast(current: Shown): Shown {
  const [last, keep] = useState(current)
  useEffect(() => {
    if (current.reading.kind !== 'asking') keep(current)
  }, [current.reading])
  return current.reading.kind === 'asking' ? last : current
}

function Rows({ page, now, isFiltered }: { page: LocksPage; now: number; isFiltered: boolean }) {
  if (page.locks.length === 0) return <Empty>{isFiltered ? 'No lock fits.' : 'No lock is held.'}</Empty>
  return (
    <table class="rows" data-test="locks">
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">Holder</th>
          <th scope="col">Mode</th>
          <th scope="col">Since</th>
          <th scope="col" class="right">
            Waiting
          </th>
        </tr>
      </thead>
      <tbody>
        {page.locks.map((lock) => (
          <Row key={`${lock.name}@${lock.token ?? 0}`} lock={lock} now={now} />
        ))}
      </tbody>
    </table>
  )
}

function Row({ lock, now }: { lock: ListedLock; now: number }) {
  return (
    <tr>
      <td class="cell-name">
        <LockName name={lock.name} />
        {lock.meta === undefined ? null : (
          <div class="meta" title={lock.meta}>
            {lock.meta}
          </div>
        )}
      </td>
      <td class="cell-holder" title={lock.holder ?? ''}>
        <Holder lock={lock} />
      </td>
      <td class="cell-mode">{modeWords(lock)}</td>
      <td class="cell-age">
        <Age since={lock.since} now={now} />
      </td>
      <td class="right cell-waiters">
        {lock.waiters === 0 ? (
          <span class="muted none">–</span>
        ) : (
          <Badge tone="warn">{count(lock.waiters)} waiting</Badge>
        )}
      </td>
    </tr>
  )
}

function Holder({ lock }: { lock: ListedLock }) {
  if (lock.state === 'reserved') return <Badge tone="info">reserved for {lock.holder}</Badge>
  if (lock.state === 'tail')
    return <Badge tone="quiet">{lock.holder === undefined ? 'delayed' : `lost by ${lock.holder}`}</Badge>
  return <span class="holder">{lock.holder}</span>
}
