/** The dashboard of a node: what it knows of its cluster, read-only and live. */
import { render } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { healthOf, Nodes, Numbers } from './cluster.js'
import { type Feed, useFeed } from './feed.js'
import { LockPage } from './lock-page.js'
import { LockTable } from './lock-table.js'
import { Badge } from './pieces.js'
import { Freezes, Queues } from './queues.js'
import { Sessions } from './sessions.js'
import { SignIn } from './sign-in.js'
import { heldToken, holdToken } from './token.js'
import { duration } from './words.js'

type View = { readonly kind: 'all' } | { readonly kind: 'sessions' } | { readonly kind: 'lock'; readonly name: string }

function viewOf(hash: string): View {
  if (hash === '#/sessions') return { kind: 'sessions' }
  const [, name] = /^#\/lock\/(.+)$/.exec(hash) ?? []
  if (name === undefined) return { kind: 'all' }
  try {
    return { kind: 'lock', name: decodeURIComponent(name) }
  } catch {
    return { kind: 'all' }
  }
}

function useView(): View {
  const [hash, setHash] = useState(location.hash)
  useEffect(() => {
    const changed = (): void => {
      setHash(location.hash)
      window.scrollTo(0, 0)
    }
    window.addEventListener('hashchange', changed)
    return () => window.removeEventListener('hashchange', changed)
  }, [])
  return viewOf(hash)
}

function App() {
  const [attempt, begin] = useState(0)
  const feed = useFeed(attempt)
  const view = useView()
  const [isAsking, ask] = useState(false)
  const show = (token: string): void => {
    holdToken(token)
    ask(false)
    begin(attempt + 1)
  }
  const { overview } = feed
  useEffect(() => {
    document.title = view.kind === 'lock' ? `${view.name} · TcpNetLock` : 'TcpNetLock'
  }, [view])
  return (
    <>
      <Top feed={feed} view={view} onSign={() => (heldToken() === '' ? ask(true) : show(''))} />
      <main>
        {feed.refusal === null && !isAsking ? null : (
          <SignIn why={feed.refusal ?? 'With a token you may see more.'} onToken={show} />
        )}
        {overview === null && feed.refusal === null ? <p class="empty">Waiting for the node…</p> : null}
        {overview === null ? null : <Main feed={feed} view={view} overview={overview} />}
      </main>
      {overview === null ? null : (
        <footer>
          As {overview.status.node} sees it · version {overview.status.version}, feature level {overview.status.level} ·
          up for {duration(overview.status.uptime)}
          {overview.status.cluster === null ? '' : ` · cluster ${overview.status.cluster}`}
        </footer>
      )}
    </>
  )
}

function Top({ feed, view, onSign }: { feed: Feed; view: View; onSign(): void }) {
  const health = healthOf(feed)
  const status = feed.overview?.status
  return (
    <header class="top">
      <a class="brand" href="#/">
        <img src="/dashboard/icon.svg" alt="" width="26" height="26" />
        TcpNetLock
      </a>
      <nav aria-label="Views">
        <a href="#/" aria-current={view.kind === 'sessions' ? undefined : 'page'}>
          Locks
        </a>
        <a href="#/sessions" aria-current={view.kind === 'sessions' ? 'page' : undefined}>
          Sessions
        </a>
      </nav>
      <div class="health" role="status" data-test="health">
        {status === undefined || status.leader === null ? null : (
          <span class="muted wide-only">
            leader {status.leader}, term {status.term}
          </span>
        )}
        <Badge tone={health.tone}>{health.text}</Badge>
        {status == null || status.auth === null ? null : (
          <button type="button" data-test="sign" onClick={onSign}>
            {heldToken() === '' ? 'Sign in' : 'Sign out'}
          </button>
        )}
      </div>
    </header>
  )
}

function Main({ feed, view, overview }: { feed: Feed; view: View; overview: NonNullable<Feed['overview']> }) {
  if (view.kind === 'lock')
    return <LockPage key={view.name} name={view.name} now={overview.now} version={feed.version} />
  if (view.kind === 'sessions') return <Sessions version={feed.version} />
  return (
    <>
      <Nodes overview={overview} />
      <Numbers feed={feed} overview={overview} />
      <Freezes overview={overview} />
      <Queues overview={overview} />
      <LockTable overview={overview} version={feed.version} />
    </>
  )
}

render(<App />, document.body)
