/** The files of the dashboard: made by the build, read when somebody looks for the first time, and kept. */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { type Answer, text } from '../http/answers.js'

const TYPES = {
  'index.html': 'text/html; charset=utf-8',
  'dashboard.css': 'text/css; charset=utf-8',
  'dashboard.js': 'text/javascript; charset=utf-8',
  'icon.svg': 'image/svg+xml',
} as const
export type AssetName = keyof typeof TYPES

/** Where the build puts them: beside this file. */
const FOLDER = new URL('./page/', import.meta.url)

/**
 * Nothing comes from anywhere but this node, nothing is sent elsewhere, and no other page may show this one in a frame. What
 * clients have written stands in the page as text; if it ever did not, no script of theirs would run.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const HEADERS = {
  'content-security-policy': POLICY,
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  // Another version of the node may be there the next time.
  'cache-control': 'no-cache',
} as const

const kept = new Map<AssetName, string>()

export async function asset(name: AssetName): Promise<Answer> {
  const body = kept.get(name) ?? (await read(name))
  if (body === null) return text(503, `the dashboard is not there: ${fileURLToPath(new URL(name, FOLDER))}`)
  kept.set(name, body)
  return { status: 200, type: TYPES[name], body, headers: HEADERS }
}

async function read(name: AssetName): Promise<string | null> {
  try {
    return await readFile(new URL(name, FOLDER), 'utf8')
  } catch {
    return null
  }
}
