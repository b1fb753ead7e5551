/** Settings that are one plain value. Each reader throws UsageError, which names flag and value. */
import { resolve } from 'node:path'
import type { OptionName } from './options.js'
import { type Settings, wrongValue } from './sources.js'

const SECOND_MS = 1000

export function readSeconds(
  settings: Settings,
  name: OptionName,
  fallback: number,
  least: number,
  most: number,
): number {
  const setting = settings.find(name)
  if (setting === null) return fallback * SECOND_MS
  const seconds = Number(setting.text)
  if (!/^\d+(?:\.\d+)?$/.test(setting.text)) throw wrongValue(setting, 'not a number of seconds')
  if (seconds < least || seconds > most) throw wrongValue(setting, `must be from ${least} to ${most} seconds`)
  return Math.round(seconds * SECOND_MS)
}

export function readInteger(
  settings: Settings,
  name: OptionName,
  fallback: number,
  least: number,
  most: number,
): number {
  const setting = settings.find(name)
  if (setting === null) return fallback
  const value = Number(setting.text)
  if (!/^\d+$/.test(setting.text) || value < least || value > most) {
    throw wrongValue(setting, `must be a whole number from ${least} to ${most}`)
  }
  return value
}

export function readSwitch(settings: Settings, name: OptionName, otherwise = false): boolean {
  const setting = settings.find(name)
  if (setting === null) return otherwise
  if (/^(?:1|true|yes|on)$/i.test(setting.text)) return true
  if (/^(?:0|false|no|off)$/i.test(setting.text)) return false
  throw wrongValue(setting, 'must be true or false')
}

export function readChoice<T extends string>(
  settings: Settings,
  name: OptionName,
  choices: readonly T[],
  fallback: T,
): T {
  const setting = settings.find(name)
  if (setting === null) return fallback
  const choice = choices.find((candidate) => candidate === setting.text)
  if (choice === undefined) throw wrongValue(setting, `must be ${choices.join(' or ')}`)
  return choice
}

/** Absolute; null: it was not set. */
export function readFile(settings: Settings, name: OptionName): string | null {
  const setting = settings.find(name)
  if (setting?.text === '') throw wrongValue(setting, 'must name a file')
  return setting === null ? null : resolve(setting.text)
}
