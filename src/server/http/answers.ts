/** What the HTTP port answers with. */
export interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string
  /** Beside what every answer has, or in its place. */
  readonly headers?: Readonly<Record<string, string>>
}

export function text(status: number, body: string): Answer {
  return { status, type: 'text/plain; charset=utf-8', body: `${body}\n` }
}

export function json(value: unknown, status = 200): Answer {
  return jsonText(JSON.stringify(value), status)
}

export function jsonText(value: string, status = 200): Answer {
  return { status, type: 'application/json', body: `${value}\n` }
}

/** As the line protocol says it: `err,code:C,message:TEXT`. */
export function failure(status: number, code: string, message: string): Answer {
  return json({ error: { code, message } }, status)
}
