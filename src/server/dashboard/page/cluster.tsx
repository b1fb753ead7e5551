/** The nodes, and the numbers of the whole cluster. */
import type { Overview } from '../overview.js'
import type { Feed } from './feed.js'
import { Badge, Sparkline, type Tone } from './pieces.js'
import { count, duration, plural, rate } from './words.js'

/** Fewer are on their way all the time. */
const BEHIND_ENTRIES = 20

type Member = Overview['status']['members'][number]

export interface Health {
  readonly tone: Tone
  readonly text: string
}

export function healthOf({ overview, isConnected, refusal }: Feed): Health {
  if (overview === null) {
    if (refusal !== null) return { tone: 'warn', text: 'Not signed in' }
    return { tone: 'quiet', text: isConnected ? 'Loading' : 'Connecting' }
  }
  if (!isConnected) return { tone: 'bad', text: 'Not connected' }
  const { status, unready } = overview
  if (status.leader === null) return { tone: 'bad', text: 'No leader' }
  const down = status.members.filter(isDown).length
  if (down > 0) return { tone: 'warn', text: `${plural(down, 'node')} down` }
  return unready === null ? { tone: 'good', text: 'Healthy' } : { tone: 'warn', text: unready }
}

/** What a node's program knows is kept with its present life: it has none while it is down. */
const isDown = ({ knows }: Member): boolean => knows === null

export function Nodes({ overview }: { overview: Overview }) {
  const { status } = overview
  return (
    <ul class="nodes" aria-label="Nodes">
      {status.members.map((member) => (
        <NodeCard key={member.node} member={member} status={status} />
      ))}
    </ul>
  )
}

function NodeCard({ member, status }: { member: Member; status: Overview['status'] }) {
  const isHere = member.node === status.node
  const progress = status.progress.find(({ node }) => node === member.node)
  const lag = progress === undefined || member.leader ? null : progress.lag
  return (
    <li class={`node ${isDown(member) ? 'is-down' : ''}`} data-test="node">
      <div class="node-head">
        <strong>{member.node}</strong>
        {member.leader ? <Badge tone="info">Leader</Badge> : null}
        {isDown(member) ? <Badge tone="bad">Down</Badge> : null}
        {!isDown(member) && !member.leader ? (
          <Badge tone="quiet">{member.role === 'learner' ? 'Learner' : 'Follower'}</Badge>
        ) : null}
      </div>
      <div class="node-facts">
        <span class="mono">{member.address ?? member.peer}</span>
        {isHere ? <span>this node</span> : null}
        {lag !== null && !isDown(member) ? (
          <span>{lag < BEHIND_ENTRIES ? 'caught up' : `${plural(lag, 'entry', 'entries')} behind`}</span>
        ) : null}
      </div>
    </li>
  )
}

/** Numbers of all locks are for those who see all. */
const NOT_TOLD = '–'
const counted = (value: number | null | undefined): string => (value == null ? NOT_TOLD : count(value))

export function Numbers({ feed, overview }: { feed: Feed; overview: Overview }) {
  const { status, contended, oldest, happened } = overview
  const [first] = oldest
  const { points } = feed
  const granted = points.map((point) => point.granted)
  const recent = granted.slice(-5)
  const now = recent.length === 0 ? 0 : recent.reduce((sum, value) => sum + value, 0) / recent.length
  return (
    <dl class="numbers">
      <Tile label="Locks held" value={counted(status.lock_count)} test="held" />
      <Tile label="Grants a second" value={happened === null ? NOT_TOLD : rate(now)}>
        <Sparkline values={granted} label="Grants a second, of the last two minutes" />
      </Tile>
      <Tile
        label="Waiting"
        value={counted(status.waiters)}
        test="waiting"
        more={contended === 0 ? 'nobody' : `for ${plural(contended, 'lock')}`}
      >
        <Sparkline values={points.map((point) => point.waiting)} label="Requests that wait, of the last two minutes" />
      </Tile>
      <Tile
        label="Oldest wait"
        value={first === undefined ? '–' : duration(first.waitedFor)}
        more={first?.name ?? ''}
      />
      <Tile
        label="Sessions"
        value={counted(status.sessions)}
        more={`${plural(status.connections, 'connection')} here`}
      />
      <Tile
        label="Locks lost"
        value={happened === null ? NOT_TOLD : count(feed.lost)}
        more="while you look"
        tone={feed.lost > 0 ? 'warn' : 'quiet'}
      />
    </dl>
  )
}

interface TileProps {
  label: string
  value: string
  more?: string
  tone?: Tone
  test?: string
  children?: preact.ComponentChildren
}

function Tile({ label, value, more, tone, test, children }: TileProps) {
  return (
    <div class={`tile ${tone === 'warn' ? 'warn' : ''}`}>
      <dt>{label}</dt>
      <dd>
        <span class="value" data-test={test}>
          {value}
        </span>
        {more === undefined || more === '' ? null : (
          <span class="more" title={more}>
            {more}
          </span>
        )}
      </dd>
      {children}
    </div>
  )
}
