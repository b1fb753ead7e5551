/** Small parts that several views share. */
import type { ComponentChildren } from 'preact'
import { duration } from './words.js'

export type Tone = 'good' | 'warn' | 'bad' | 'info' | 'quiet'

export function Badge({ tone, children }: { tone: Tone; children: ComponentChildren }) {
  return <span class={`badge ${tone}`}>{children}</span>
}

export const lockHref = (name: string): string => `#/lock/${encodeURIComponent(name)}`

/** Names are long and wrap only where a reader would cut them. */
export function LockName({ name }: { name: string }) {
  return (
    <a class="name" href={lockHref(name)} title={name}>
      {name}
    </a>
  )
}

/** `now` null: of a time span that is known by itself. */
export function Age({ since, now }: { since: number; now: number }) {
  return (
    <time class="age" title={new Date(since * 1_000).toLocaleString()}>
      {duration(now - since)}
    </time>
  )
}

export function Panel({
  title,
  more,
  children,
}: {
  title: string
  more?: ComponentChildren
  children: ComponentChildren
}) {
  return (
    <section class="panel">
      <header class="panel-head">
        <h2>{title}</h2>
        {more}
      </header>
      {children}
    </section>
  )
}

export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="empty">{children}</p>
}

export function Pager(props: { from: number; shown: number; hasNext: boolean; onFirst(): void; onNext(): void }) {
  const { from, shown, hasNext, onFirst, onNext } = props
  if (from === 0 && !hasNext) return null
  return (
    <nav class="pager" aria-label="Pages">
      <button type="button" disabled={from === 0} onClick={onFirst}>
        « First
      </button>
      <span>
        {from + 1}–{from + shown}
      </span>
      <button type="button" disabled={!hasNext} onClick={onNext} data-test="next">
        Next ›
      </button>
    </nav>
  )
}

/** A line of the last two minutes; the highest point touches the top. */
export function Sparkline({ values, label }: { values: readonly number[]; label: string }) {
  const width = 120
  const height = 28
  const most = Math.max(1e-9, ...values)
  const step = width / Math.max(1, values.length - 1)
  const points = values.map(
    (value, at) => `${(at * step).toFixed(1)},${(height - 2 - (value / most) * (height - 4)).toFixed(1)}`,
  )
  if (values.length < 2) return <svg class="spark" viewBox={`0 0 ${width} ${height}`} aria-hidden="true" />
  return (
    <svg class="spark" viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" role="img" aria-label={label}>
      <polygon points={`0,${height} ${points.join(' ')} ${width},${height}`} />
      <polyline points={points.join(' ')} />
    </svg>
  )
}
