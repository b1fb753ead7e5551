/** Processes as /proc shows them. Everything here is empty where there is no /proc. */
import { readdirSync, readFileSync } from 'node:fs'

export interface ProcessInfo {
  readonly id: number
  readonly name: string
  readonly parent: number
  readonly group: number
  readonly session: number
  /** Dead, and only not collected by its parent. */
  readonly dead: boolean
  /** With the id it names a process for good: ids are given again, in clock ticks since boot. */
  readonly startTicks: number
}

/** Fields of /proc/PID/stat, counted from the state, which follows the name. */
const FIELD = { state: 0, parent: 1, group: 2, session: 3, startTicks: 19 } as const

/** Null when there is no such process. */
export function readProcess(id: number | string): ProcessInfo | null {
  const text = readProcFile(id, 'stat')
  // The name stands in parentheses and may hold anything, parentheses too.
  const [from, to] = [text.indexOf('('), text.lastIndexOf(')')]
  if (to < 0) return null
  const fields = text.slice(to + 2).split(' ')
  const number = (field: number): number => Number(fields[field])
  return {
    id: Number(id),
    name: text.slice(from + 1, to),
    parent: number(FIELD.parent),
    group: number(FIELD.group),
    session: number(FIELD.session),
    dead: fields[FIELD.state] === 'Z' || fields[FIELD.state] === 'X',
    startTicks: number(FIELD.startTicks),
  }
}

export function allProcesses(): ProcessInfo[] {
  return processIds().flatMap((id) => readProcess(id) ?? [])
}

/** All that descend from `root` and live, those below a dead one too; not what descends from one of `except`. */
export function descendantsOf(root: number, except: ReadonlySet<number> = new Set()): ProcessInfo[] {
  const childrenOf = new Map<number, ProcessInfo[]>()
  for (const found of allProcesses()) {
    const siblings = childrenOf.get(found.parent)
    if (siblings === undefined) childrenOf.set(found.parent, [found])
    else siblings.push(found)
  }
  const reached: ProcessInfo[] = []
  const parents = [root]
  for (let parent = parents.pop(); parent !== undefined; parent = parents.pop()) {
    for (const child of childrenOf.get(parent) ?? []) {
      if (except.has(child.id)) continue
      reached.push(child)
      parents.push(child.id)
    }
  }
  return reached.filter(({ dead }) => !dead)
}

/**
 * The same by the kernel's lists of children: cheap on a machine with many processes, but one that is just being handed to
 * another parent may be missing. For words, never for a decision.
 */
export function glanceAtDescendants(root: number): ProcessInfo[] {
  const reached: ProcessInfo[] = []
  const parents = [root]
  for (let parent = parents.pop(); parent !== undefined; parent = parents.pop()) {
    for (const task of listProc(`${parent}/task`)) {
      for (const id of readProcFile(parent, `task/${task}/children`).split(' ').filter(Boolean)) {
        const child = readProcess(id)
        if (child === null) continue
        reached.push(child)
        parents.push(child.id)
      }
    }
  }
  return reached.filter(({ dead }) => !dead)
}

/** All that were given the variable `name=value` and live; other users' are not seen. */
export function processesWithVariable(name: string, value: string): ProcessInfo[] {
  const wanted = `${name}=${value}`
  return processIds()
    .filter((id) => readProcFile(id, 'environ').split('\0').includes(wanted))
    .flatMap((id) => readProcess(id) ?? [])
    .filter(({ dead }) => !dead)
}

/** `sudo (1234)`, for people. */
export function nameProcesses(processes: readonly ProcessInfo[]): string {
  return processes.map(({ id, name }) => `${name} (${id}${ownerWord(id)})`).join(', ')
}

function ownerWord(id: number): string {
  const [, owner] = /^Uid:\t\d+\t(\d+)/m.exec(readProcFile(id, 'status')) ?? []
  if (owner === undefined || Number(owner) === process.geteuid?.()) return ''
  return owner === '0' ? ', root' : `, user ${owner}`
}

/** May this process signal that one? False only if it is there and may not be signalled. */
export function maySignal(id: number): boolean {
  try {
    process.kill(id, 0)
    return true
  } catch (error) {
    return !hasCode(error, 'EPERM')
  }
}

/** Nothing happens to a process that is gone, or that is another user's: whoever looks at what is left tells of those. */
export function signalProcess(id: number, signal: NodeJS.Signals): void {
  try {
    process.kill(id, signal)
  } catch (error) {
    if (!hasCode(error, 'ESRCH') && !hasCode(error, 'EPERM')) throw error
  }
}

export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

function processIds(): string[] {
  return listProc('.').filter((entry) => /^\d+$/.test(entry))
}

function listProc(path: string): string[] {
  try {
    return readdirSync(`/proc/${path}`)
  } catch {
    return []
  }
}

/** Empty when the process is gone or another user's. */
function readProcFile(id: number | string, file: string): string {
  try {
    return readFileSync(`/proc/${id}/${file}`, 'latin1')
  } catch {
    return ''
  }
}
