/**
 * JSON as Python's `json.dumps(value, sort_keys=True)` writes it, which is what scripts written for consul-lock have seen:
 * `{"key": "x", "metadata": null}`, `["a", "b"]`. It is one line of ASCII, whatever the values hold.
 */
export function pythonJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(', ')}]`
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
    return `{${entries.map(([key, each]) => `${pythonJson(key)}: ${pythonJson(each)}`).join(', ')}}`
  }
  return ascii(JSON.stringify(value))
}

/** Anything beyond ASCII, and what a terminal or the line protocol would take for a control character, as `\uXXXX`. */
export function ascii(json: string): string {
  return json.replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
