/** One lock: who has it, who waits and why, and how its last holds ended. */
import type { ComponentChildren } from 'preact'
import { Age, Badge, Empty, Panel } from './pieces.js'
import { useReading } from './reading.js'
import type { History, Hold, Link, Past, Place, Who, Why } from './shown.js'
import { clockTime, count, duration, endWords, isLoss, modeWords, plural } from './words.js'

interface Props {
  readonly name: string
  readonly now: number
  readonly version: number
}

export function LockPage({ name, now, version }: Props) {
  const path = encodeURIComponent(name)
  const who = useReading<Who>(`/v1/locks/${path}`, version)
  const why = useReading<Why>(`/v1/why/${path}`, version)
  const history = useReading<History>(`/v1/history/${path}`, version)
  return (
    <>
      <p class="crumbs">
        <a href="#/">‹ All locks</a>
      </p>
      <header class="lock-head">
        <h1>{name}</h1>
        {who.kind === 'there' ? <State who={who.value} /> : null}
      </header>
      {who.kind === 'failed' ? <Empty>{who.why}</Empty> : null}
      {who.kind === 'there' ? <Frozen who={who.value} now={now} /> : null}
      {who.kind === 'there' ? <Holds who={who.value} now={now} /> : null}
      {who.kind === 'there' && who.value.waiterCount > 0 ? (
        <Queue who={who.value} why={why.kind === 'there' ? why.value : null} now={now} />
      ) : null}
      {history.kind === 'there' ? <Ends ends={history.value.ends} now={now} /> : null}
    </>
  )
}

const STATES = {
  held: { tone: 'good', text: 'Held' },
  tail: { tone: 'quiet', text: 'Delayed after its last hold' },
  reserved: { tone: 'info', text: 'Reserved' },
  free: { tone: 'quiet', text: 'Free' },
} as const

function State({ who }: { who: Who }) {
  const { tone, text } = STATES[who.state]
  const used = who.holds.reduce((sum, hold) => sum + (hold.permits ?? 0), 0)
  return (
    <div class="badges">
      <Badge tone={tone}>{text}</Badge>
      {who.kind === 'semaphore' ? (
        <Badge tone="info">
          Semaphore, {who.holds.length < who.holdCount ? '' : `${used} of `}
          {plural(who.limit ?? 0, 'permit')}
          {who.pinned === undefined ? '' : ', pinned'}
        </Badge>
      ) : null}
      {who.waiterCount > 0 ? <Badge tone="warn">{count(who.waiterCount)} waiting</Badge> : null}
    </div>
  )
}

function Frozen({ who, now }: { who: Who; now: number }) {
  return (
    <>
      {(who.frozen ?? []).map(({ prefix, reason, until }) => (
        <p key={prefix} class="notice">
          <strong>Frozen:</strong> {prefix === '' ? 'all names' : `names that begin with “${prefix}”`} get no new hold
          {until === undefined ? ' until they are thawed' : ` for ${duration(until - now)} more`}. {reason}
        </p>
      ))}
    </>
  )
}

function Holds({ who, now }: { who: Who; now: number }) {
  const hidden = who.holdCount - who.holds.length
  return (
    <Panel
      title={who.holdCount > 1 ? 'Holders' : 'Holder'}
      more={who.holdCount > 1 ? <span class="muted">{count(who.holdCount)}</span> : null}
    >
      {who.holds.length === 0 ? <Empty>Nobody holds it.</Empty> : null}
      <ul class="cards">
        {who.holds.map((hold) => (
          <HoldCard key={hold.token} hold={hold} now={now} />
        ))}
      </ul>
      {hidden > 0 ? <Empty>and {plural(hidden, 'more hold')}</Empty> : null}
    </Panel>
  )
}

function HoldCard({ hold, now }: { hold: Hold; now: number }) {
  return (
    <li class="card">
      <div class="card-head">
        <strong>{hold.holder ?? 'nobody: it counts on for a while'}</strong>
        <span class="muted">
          for <Age since={hold.since} now={now} />
        </span>
      </div>
      <dl class="facts">
        <Fact label="Mode">{modeWords(hold)}</Fact>
        <Fact label="Token">
          <code>{hold.token}</code>
        </Fact>
        {hold.session === undefined ? null : (
          <Fact label="Session">
            <code>{hold.session}</code>
          </Fact>
        )}
        {hold.node === undefined ? null : <Fact label="Node">{hold.node}</Fact>}
        <Fact label="Ends" isWide>
          {outlookWords(hold)}
        </Fact>
        {hold.meta === undefined ? null : (
          <Fact label="Metadata" isWide>
            <code>{hold.meta}</code>
          </Fact>
        )}
      </dl>
    </li>
  )
}

function outlookWords({ state, endsBy, endsWithin, loose }: Hold): string {
  const within = endsWithin === undefined ? '' : ` within ${duration(endsWithin)}`
  if (state === 'forced' || state === 'ttl') return `it was lost, and passes on${within}`
  if (endsBy === 'ttl') return `by its time to live${within}${loose === true ? ', or by an unlock' : ''}`
  if (endsBy === 'session') return `its client is gone: unless it comes back,${within}`
  if (endsBy === 'time') return `by time${within}`
  return 'when its holder gives it back, or ends'
}

function Fact({ label, isWide, children }: { label: string; isWide?: boolean; children: ComponentChildren }) {
  return (
    <div class={isWide === true ? 'fact wide' : 'fact'}>
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  )
}

function Queue({ who, why, now }: { who: Who; why: Why | null; now: number }) {
  const hidden = who.waiterCount - who.waiting.length
  return (
    <Panel title="Who waits, and why" more={<span class="muted">{plural(who.waiterCount, 'request')}</span>}>
      <ol class="queue" data-test="queue">
        {who.waiting.map((place) => (
          <Waiter key={place.position} place={place} why={why} now={now} />
        ))}
      </ol>
      {hidden > 0 ? <Empty>and {plural(hidden, 'more request')}</Empty> : null}
    </Panel>
  )
}

function Waiter({ place, why, now }: { place: Place; why: Why | null; now: number }) {
  const reason = why?.requests.find(({ position }) => position === place.position)
  return (
    <li>
      <span class="position">{place.position}</span>
      <div class="waiter">
        <div class="card-head">
          <strong>{place.holder}</strong>
          <span class="muted">
            {modeWords(place)}
            {place.names > 1 ? `, with ${plural(place.names - 1, 'other name')}` : ''}, for{' '}
            <Age since={place.since} now={now} />
            {place.wait === 'forever' ? '' : ` of ${duration(place.wait)}`}
          </span>
        </div>
        {reason === undefined ? null : <p class="why">{reasonOf(reason.text)}</p>}
        {reason?.circle === undefined ? null : <p class="notice">Deadlock: {reason.circle}</p>}
        {reason !== undefined && reason.chain.length > 1 ? <Chain links={reason.chain} /> : null}
      </div>
    </li>
  )
}

/** `b has waited for x for 4 s: x is held by a`: the beginning stands above it already. */
const reasonOf = (text: string): string => text.slice(text.indexOf(': ') + 2)

/** `b waits for x of a, who waits for y of c`. */
function Chain({ links }: { links: readonly Link[] }) {
  const [first] = links
  return (
    <p class="chain">
      <span>{first?.holder}</span>
      {links.map((link) => (
        <>
          <span class="arrow">→ {link.name} →</span>
          <span>{link.of}</span>
        </>
      ))}
    </p>
  )
}

function Ends({ ends, now }: { ends: readonly Past[]; now: number }) {
  return (
    <Panel title="History" more={<span class="muted">the last ends of its holds</span>}>
      {ends.length === 0 ? <Empty>No hold of it has ended, as far as is remembered.</Empty> : null}
      <ol class="history" data-test="history">
        {ends.map((past) => (
          <li key={past.token} class={isLoss(past.how) ? 'loss' : ''}>
            <span class="muted">{clockTime(past.to, now)}</span>
            <span>
              <strong>{past.holder}</strong> {past.mode === 'exclusive' ? '' : `(${modeWords(past)}) `}for{' '}
              {duration(past.to - past.from)}
            </span>
            <Badge tone={isLoss(past.how) ? 'bad' : 'quiet'}>{endWords(past.how)}</Badge>
            {past.by === undefined ? null : (
              <span class="reason">
                by {past.by}
                {past.reason === undefined ? '' : `: ${past.reason}`}
              </span>
            )}
          </li>
        ))}
      </ol>
    </Panel>
  )
}
