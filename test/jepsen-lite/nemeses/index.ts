import type { Nemesis } from '../types.js'
import { addressNemeses } from './addresses.js'
import { clientNemeses } from './clients.js'
import { clockNemeses } from './clocks.js'
import { diskNemeses } from './disks.js'
import { hangingDiskNemeses } from './hanging-disks.js'
import { lateFollowerNemeses } from './late-follower.js'
import { logNemeses } from './logs.js'
import { membershipNemeses } from './membership.js'
import { packetNemeses } from './packets.js'
import { partitionNemeses } from './partitions.js'
import { powerNemeses } from './power.js'
import { processNemeses } from './processes.js'
import { programNemeses } from './programs.js'
import { slowLinkNemeses } from './slow-links.js'
import { strangerNemeses } from './strangers.js'

/** Two of one group never strike at once. */
export const nemesisGroups: readonly (readonly Nemesis[])[] = [
  [...processNemeses, ...powerNemeses, ...programNemeses],
  partitionNemeses,
  packetNemeses,
  slowLinkNemeses,
  clockNemeses,
  [...diskNemeses, ...hangingDiskNemeses],
  [...membershipNemeses, ...addressNemeses, ...lateFollowerNemeses],
  [...clientNemeses, ...strangerNemeses, ...logNemeses],
]
