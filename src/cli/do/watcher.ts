/**
 * The watcher of last resort: tnl-do and its guardian see to each other, but `killall -9 node` ends both at once, and
 * `killall -STOP node` stops both, and the lock is another's when its lease is over. So a small shell script reads a pipe that
 * ends when both are dead, and kills what it can find of the command then. It does so too when a limit has passed that the
 * guardian has told it, and the pipe has nothing later: whoever had to act by then is stopped.
 *
 * The limit that it is told lies before that of the lock, by half of the command's grace. A guardian that could act has asked the
 * command to end by then, and has told the watcher the limit itself.
 *
 * A limit is judged only by a read that found the pipe empty and was interrupted. Otherwise a watcher that has slept, as all
 * processes do under the lid of a laptop, would judge the limit before last while a later one lies unread.
 *
 * When both are dead it finds less than the guardian does: orphans have gone to another parent by then. It knows the command's group, the mark
 * in the environment that the command was given, the processes that the guardian has named last, and what descends from any
 * of these. What has cleared its environment, left its group, and was started and orphaned within the last sixth of the
 * lease stays unseen.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import type { Writable } from 'node:stream'
import { WatcherWord } from '../guarding/watcher-words.js'

/** For any POSIX shell. `$1` is the mark, as `NAME=VALUE`. */
const SCRIPT = `# Watches over a command for TcpNetLock: ends what is left of it when those who should are killed.
trap '' HUP INT QUIT TERM
group= known= guardian= limit= sleeper= ticked=
# Hundredths of a second since boot, into $now.
clock() {
  now=
  read -r now rest 2>/dev/null </proc/uptime && now=\${now%.*}\${now#*.}
}
# Interrupts the read of this shell when the limit has passed, again and again until it is killed.
wake_at_limit() {
  clock
  [ -n "$now" ] || return
  left=$((limit - now))
  [ $left -gt 1 ] || left=1
  whole=$((left / 100)) part=$((left % 100))
  [ $part -gt 9 ] || part=0$part
  (
    # What sleeps must not keep the pipes of whoever reads the words of tnl-do.
    exec 0</dev/null 2>/dev/null
    # Like this shell, what it starts ignores SIGTERM. A name of its own for the nap would be set a moment too late.
    before=$!
    trap '[ "$!" = "$before" ] || kill -KILL $!; exit' USR2
    nap() {
      sleep $1 &
      wait $!
    }
    nap $whole.$part || nap $((whole + 1))
    while kill -USR1 $$; do nap 0.1 || nap 1; done
  ) &
  sleeper=$!
}
forget_limit() {
  [ -z "$sleeper" ] || kill -USR2 $sleeper 2>/dev/null
  sleeper= ticked=
}
limit_has_passed() {
  clock
  [ -n "$limit" ] && [ -n "$now" ] && [ $now -ge $limit ]
}
trap 'ticked=yes' USR1
while :; do
  if read -r word rest; then
    case $word in
      group) group=$rest ;;
      guardian) guardian=$rest ;;
      known) known=$rest ;;
      limit) limit=$rest; [ -n "$sleeper" ] || wake_at_limit ;;
      done) forget_limit; exit 0 ;;
    esac
    continue
  fi
  # The end of the pipe, unless a signal has interrupted the read: then there was nothing in it.
  [ -n "$ticked" ] || { guardian=; break; }
  forget_limit
  limit_has_passed && break
  [ -z "$limit" ] || wake_at_limit
done
forget_limit
trap '' USR1
look() {
  found=' '
  for entry in $known; do
    read -r stat 2>/dev/null <"/proc/\${entry%:*}/stat" || continue
    set -- \${stat##*) }
    [ "\${20}" = "\${entry#*:}" ] && found="$found\${entry%:*} "
  done
  for file in $(grep -lF -- "$mark" /proc/[0-9]*/environ 2>/dev/null); do
    file=\${file#/proc/}
    found="$found\${file%/environ} "
  done
  all=
  for file in /proc/[0-9]*/stat; do
    read -r stat 2>/dev/null <"$file" || continue
    id=\${file#/proc/} id=\${id%/stat}
    set -- \${stat##*) }
    case $1 in Z|X) dead="$dead$id "; continue ;; esac
    [ "$3" = "$group" ] && found="$found$id "
    all="$all $id:$2"
  done
  # The guardian is spared, and all that descends from it is found: it is dead or has stopped.
  before=
  while [ "$before" != "$found" ]; do
    before=$found
    for entry in $all; do
      case $found in *" \${entry%:*} "*) continue ;; esac
      case "$found$guardian " in *" \${entry#*:} "*) found="$found\${entry%:*} " ;; esac
    done
  done
  living=
  for id in $found; do
    case $dead in *" $id "*) ;; *) [ "$id" != $$ ] && [ "$id" != "$guardian" ] && living="$living $id" ;; esac
  done
}
mark=$1
[ -n "$group" ] && kill -KILL -- "-$group" 2>/dev/null
[ -d /proc/self ] || exit 0
# Looking takes long on a busy machine. What is known need not wait for it, where its children go to the guardian.
if [ -n "$guardian" ]; then
  for entry in $known; do
    read -r stat 2>/dev/null <"/proc/\${entry%:*}/stat" || continue
    set -- \${stat##*) }
    [ "\${20}" = "\${entry#*:}" ] && kill -KILL "\${entry%:*}" 2>/dev/null
  done
fi
try=0
while [ $try -lt 600 ]; do
  struck=
  while dead=' '; look; [ "$living" != "$struck" ]; do
    struck=$living
    for id in $living; do kill -STOP "$id" 2>/dev/null; done
  done
  [ -z "$living" ] && exit 0
  for id in $living; do kill -KILL "$id" 2>/dev/null; done
  [ $try = 50 ] && echo "tnl-do: it and its guardian are killed or stopped, and these cannot be ended:$living" >&2
  try=$((try + 1))
  sleep 0.02 2>/dev/null || sleep 1
done
`

export class Watcher {
  /** It is dead, or could not be started. */
  readonly exited: Promise<void>
  private readonly child: ChildProcess

  /**
   * `mark`: the variable, as `NAME=VALUE`, that the command gets and nobody else has. `locks`: descriptors that are locks of this
   * host, which stay as long as the watcher has something to end.
   */
  constructor(mark: string, locks: readonly number[] = []) {
    const { TNL_GUARDIAN: _outer, ...env } = process.env
    this.child = spawn('/bin/sh', ['-c', SCRIPT, 'tcpnetlock-watcher', mark], {
      detached: true,
      stdio: ['pipe', 'ignore', 'inherit', ...locks],
      env,
      cwd: '/',
    })
    // Without a shell there is no last resort, and nobody is worse off than before.
    this.exited = new Promise((resolve) => {
      this.child.once('exit', () => resolve())
      this.child.once('error', () => resolve())
    })
    this.pipe?.on('error', () => {})
    this.child.unref()
  }

  /** To be given to the guardian as well: the pipe ends when nobody holds it. */
  get pipe(): Writable | null {
    return this.child.stdin
  }

  get processId(): number | null {
    return this.child.pid ?? null
  }

  done(): void {
    if (this.pipe?.writable) this.pipe.end(`${WatcherWord.done}\n`)
  }
}
