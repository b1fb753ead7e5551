/** All mutants, in the order of the table. */
import type { Mutant } from '../mutant.js'
import { ALERTS } from './alerts.js'
import { CLIENT_READS } from './client-reads.js'
import { COARSE } from './coarse.js'
import { COMMAND_LINE } from './command-line.js'
import { DASHBOARD } from './dashboard.js'
import { DOORS } from './doors.js'
import { DURABILITY } from './durability.js'
import { ELECTIONS } from './elections.js'
import { FUZZED } from './fuzzed.js'
import { HANDS_OF_A_LINE } from './hands-of-a-line.js'
import { IDENTITIES } from './identities.js'
import { LIBRARY } from './library.js'
import { LOCK_DIALECT } from './lock-dialect.js'
import { LOCK_LAYER } from './lock-layer.js'
import { LOCK_SERVICE } from './lock-service.js'
import { LOCK_SERVICE_ENDINGS } from './lock-service-endings.js'
import { MEMBERSHIP } from './membership.js'
import { MENDED_AMOUNTS } from './mended-amounts.js'
import { MENDED_ATTACKERS } from './mended-attackers.js'
import { MENDED_CLIENT } from './mended-client.js'
import { MENDED_LEADER } from './mended-leader.js'
import { MENDED_LEADER_DUTIES } from './mended-leader-duties.js'
import { MENDED_PEERS } from './mended-peers.js'
import { MENDED_PROGRAMS } from './mended-programs.js'
import { MENDED_RUNNER } from './mended-runner.js'
import { MENDED_SERVER } from './mended-server.js'
import { MENDED_SESSION_BOUNDS } from './mended-session-bounds.js'
import { MENDED_SESSIONS } from './mended-sessions.js'
import { NODE_ROOM } from './node-room.js'
import { OWN_ADMIN } from './own-admin.js'
import { OWN_DIALECTS } from './own-dialects.js'
import { OWN_EDGES } from './own-edges.js'
import { OWN_EFFECTS } from './own-effects.js'
import { OWN_LEVELS } from './own-levels.js'
import { OWN_LOCKS } from './own-locks.js'
import { OWN_TIMES } from './own-times.js'
import { READS_AND_TIME } from './reads-and-time.js'
import { RECOVERY_AND_TRACES } from './recovery-and-traces.js'
import { REPLICATION } from './replication.js'
import { RULES_CLIENTS } from './rules-clients.js'
import { RULES_CONNECTIONS } from './rules-connections.js'
import { RULES_DETACHED } from './rules-detached.js'
import { RULES_EPOCHS } from './rules-epochs.js'
import { RULES_EXACTLY_ONCE } from './rules-exactly-once.js'
import { RULES_EXPIRY } from './rules-expiry.js'
import { RULES_REFUSALS } from './rules-refusals.js'
import { RULES_SPEAKING } from './rules-speaking.js'
import { RULES_WAKING } from './rules-waking.js'
import { RUNNER } from './runner.js'
import { SAVED_SNAPSHOTS } from './saved-snapshots.js'
import { SEEN_FROM_OUTSIDE } from './seen-from-outside.js'
import { SIMULATED_NET } from './simulated-net.js'
import { SNAPSHOTS } from './snapshots.js'
import { TLS_MUTANTS } from './tls.js'
import { TLS_OF_CLIENTS } from './tls-of-clients.js'
import { TRANSCRIPTS } from './transcripts.js'
import { UPGRADES } from './upgrades.js'
import { WATCHES } from './watches.js'
import { WHERE_IT_RUNS } from './where-it-runs.js'
import { WHO_MAY_WHAT } from './who-may-what.js'
import { WHY_MUTANTS } from './why.js'

export const MUTANTS: readonly Mutant[] = [
  ...ELECTIONS,
  ...REPLICATION,
  ...DURABILITY,
  ...SNAPSHOTS,
  ...READS_AND_TIME,
  ...MEMBERSHIP,
  ...LOCK_LAYER,
  ...LOCK_SERVICE,
  ...LOCK_SERVICE_ENDINGS,
  ...RULES_EPOCHS,
  ...RULES_SPEAKING,
  ...RULES_EXPIRY,
  ...RULES_DETACHED,
  ...RULES_CONNECTIONS,
  ...RULES_CLIENTS,
  ...RULES_WAKING,
  ...RULES_REFUSALS,
  ...RULES_EXACTLY_ONCE,
  ...OWN_LOCKS,
  ...OWN_EDGES,
  ...NODE_ROOM,
  ...OWN_ADMIN,
  ...MENDED_ATTACKERS,
  ...MENDED_LEADER,
  ...MENDED_LEADER_DUTIES,
  ...MENDED_SESSIONS,
  ...MENDED_SESSION_BOUNDS,
  ...MENDED_CLIENT,
  ...MENDED_RUNNER,
  ...RUNNER,
  ...COMMAND_LINE,
  ...MENDED_PROGRAMS,
  ...COARSE,
  ...MENDED_PEERS,
  ...MENDED_SERVER,
  ...MENDED_AMOUNTS,
  ...OWN_EFFECTS,
  ...OWN_LEVELS,
  ...OWN_TIMES,
  ...SIMULATED_NET,
  ...OWN_DIALECTS,
  ...TLS_MUTANTS,
  ...TRANSCRIPTS,
  ...UPGRADES,
  ...LOCK_DIALECT,
  ...CLIENT_READS,
  ...WATCHES,
  ...DASHBOARD,
  ...ALERTS,
  ...WHO_MAY_WHAT,
  ...FUZZED,
  ...DOORS,
  ...RECOVERY_AND_TRACES,
  ...SAVED_SNAPSHOTS,
  ...LIBRARY,
  ...TLS_OF_CLIENTS,
  ...SEEN_FROM_OUTSIDE,
  ...WHY_MUTANTS,
  ...WHERE_IT_RUNS,
  ...IDENTITIES,
  ...HANDS_OF_A_LINE,
]
