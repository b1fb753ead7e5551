/** docs/api.md, from the built declarations of what the package exports. */
import { join } from 'node:path'
import { apiOf } from './model.js'
import { pageOf } from './page.js'

const ENTRIES = [
  { name: 'tcpnetlock', file: 'dist/client/index.d.ts' },
  { name: 'tcpnetlock/testing', file: 'dist/test-cluster/index.d.ts' },
] as const

/** `folder`: for what the extractor writes. */
export function referencePage(root: string, folder: string): string {
  return pageOf(ENTRIES.map(({ name, file }) => ({ name, api: apiOf(root, join(root, file), folder) })))
}
