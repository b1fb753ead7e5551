/** How the spans of locks are made: the one file that speaks OpenTelemetry's API. */
import type * as Api from '@opentelemetry/api'
import { VERSION } from '../../version.js'
import { AlreadyDoneError, type LostReason, NotGrantedError, TcpNetLockError } from '../errors.js'
import type { HoldTrace, WaitTrace } from './traces.js'

const NAMES = 'tcpnetlock.lock.names'
const TOKEN = 'tcpnetlock.lock.token'
/** `granted`, a reason of `not-granted`, `done`, or the code of an error. */
const OUTCOME = 'tcpnetlock.lock.outcome'
const QUEUED = 'tcpnetlock.lock.queued'
const LOST = 'tcpnetlock.lock.lost'

export class Spans {
  constructor(private readonly api: typeof Api) {}

  /** Of the task that asks: its spans are children of the one that is active there. */
  wait(names: readonly string[]): WaitTrace {
    const { trace, context, SpanKind, SpanStatusCode } = this.api
    const around = context.active()
    const tracer = trace.getTracer('tcpnetlock', VERSION)
    const attributes = { [NAMES]: [...names] }
    const span = tracer.startSpan('lock.wait', { kind: SpanKind.CLIENT, attributes }, around)
    return {
      traceparent: span.isRecording() ? traceparentOf(span.spanContext()) : null,
      queued: () => void span.setAttribute(QUEUED, true),
      waitsFor: (traceparent) => {
        const linked = contextOf(traceparent)
        if (span.isRecording() && linked !== null) span.addLink({ context: linked })
      },
      granted: (token) => {
        span.setAttributes({ [OUTCOME]: 'granted', [TOKEN]: token }).end()
        const links = [{ context: span.spanContext() }]
        const hold = tracer.startSpan('lock.hold', { attributes: { ...attributes, [TOKEN]: token }, links }, around)
        return this.#holdOf(hold, around)
      },
      failed: (error) => {
        span.setAttribute(OUTCOME, outcomeOf(error))
        // That somebody else has the lock, or has done the work, is an answer.
        if (!(error instanceof NotGrantedError || error instanceof AlreadyDoneError)) {
          if (error instanceof Error) span.recordException(error)
          span.setStatus({ code: SpanStatusCode.ERROR, message: String(error) })
        }
        span.end()
      },
    }
  }

  #holdOf(span: Api.Span, around: Api.Context): HoldTrace {
    const { trace, context, SpanStatusCode } = this.api
    return {
      run: (work) => context.with(trace.setSpan(around, span), work),
      lost: (reason: LostReason) => {
        if (!span.isRecording()) return
        span.setAttribute(LOST, reason)
        span.setStatus({ code: SpanStatusCode.ERROR, message: `lost: ${reason}` })
        span.end()
      },
      released: () => {
        if (span.isRecording()) span.end()
      },
    }
  }
}

function outcomeOf(error: unknown): string {
  if (error instanceof NotGrantedError) return error.reason
  if (error instanceof AlreadyDoneError) return 'done'
  return error instanceof TcpNetLockError ? error.code : 'abandoned'
}

function traceparentOf({ traceId, spanId, traceFlags }: Api.SpanContext): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`
}

function contextOf(traceparent: string): Api.SpanContext | null {
  const [, traceId, spanId, flags] = traceparent.split('-')
  if (traceId === undefined || spanId === undefined || flags === undefined) return null
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true }
}
