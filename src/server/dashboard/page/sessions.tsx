/** Who is there: the sessions, a page at a time. */
import { useState } from 'preact/hooks'
import { Badge, Empty, Pager, Panel } from './pieces.js'
import { useReading } from './reading.js'
import type { Session, SessionsPage } from './shown.js'
import { count, duration, plural } from './words.js'

export function Sessions({ version }: { version: number }) {
  const [position, go] = useState({ after: 0, from: 0 })
  const reading = useReading<SessionsPage>(`/v1/sessions?after=${position.after}`, version)
  return (
    <Panel
      title="Sessions"
      more={reading.kind === 'there' ? <span class="muted">{plural(reading.value.count, 'session')}</span> : null}
    >
      {reading.kind === 'failed' ? <Empty>{reading.why}</Empty> : null}
      {reading.kind === 'there' && reading.value.sessions.length === 0 ? <Empty>Nobody is there.</Empty> : null}
      {reading.kind === 'there' && reading.value.sessions.length > 0 ? (
        <Rows sessions={reading.value.sessions} />
      ) : null}
      {reading.kind === 'there' ? (
        <Pager
          from={position.from}
          shown={reading.value.sessions.length}
          hasNext={reading.value.after !== undefined}
          onFirst={() => go({ after: 0, from: 0 })}
          onNext={() => go({ after: reading.value.after ?? 0, from: position.from + reading.value.sessions.length })}
        />
      ) : null}
    </Panel>
  )
}

function Rows({ sessions }: { sessions: readonly Session[] }) {
  return (
    <table class="rows" data-test="sessions">
      <thead>
        <tr>
          <th scope="col">Client</th>
          <th scope="col">Session</th>
          <th scope="col">Connection</th>
          <th scope="col" class="right">
            Holds
          </th>
          <th scope="col" class="right">
            Waits for
          </th>
        </tr>
      </thead>
      <tbody>
        {sessions.map((session) => (
          <tr key={session.session}>
            <td class="cell-name">{session.client ?? <span class="muted">no id</span>}</td>
            <td>
              <code>{session.session}</code>
            </td>
            <td>
              <Connection session={session} />
            </td>
            <td class="right">{count(session.holds)} held</td>
            <td class="right">
              {session.places === 0 ? <span class="muted none">–</span> : `${count(session.places)} waiting`}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Connection({ session }: { session: Session }) {
  if (session.node === undefined)
    return <Badge tone="warn">gone, may come back within {duration(session.left ?? 0)}</Badge>
  const kind = session.classic === true ? 'classic' : `lease ${duration(session.lease ?? 0)}`
  return (
    <span>
      {session.node} <span class="muted">{kind}</span>
    </span>
  )
}
