/** All faults, by name. */
import { CLIENT_FAULTS } from './client-faults.js'
import { CLOCK_FAULTS } from './clock-faults.js'
import { CORE_FAULTS } from './core-faults.js'
import { DISK_FAULTS } from './disk-faults.js'
import { MEMBERSHIP_FAULTS } from './membership-faults.js'
import { NETWORK_FAULTS } from './network-faults.js'
import { PROCESS_FAULTS } from './process-faults.js'
import { UPGRADE_FAULTS } from './upgrade-faults.js'

export const FAULTS = {
  ...PROCESS_FAULTS,
  ...UPGRADE_FAULTS,
  ...NETWORK_FAULTS,
  ...DISK_FAULTS,
  ...CLIENT_FAULTS,
  ...CLOCK_FAULTS,
  ...MEMBERSHIP_FAULTS,
  ...CORE_FAULTS,
} as const

export type FaultName = keyof typeof FAULTS

export const FAULT_NAMES = Object.keys(FAULTS) as readonly FaultName[]
