// The command that tnl-do runs: it says its token, and then, again and again, that it lives at this moment.
const [holdMs] = process.argv.slice(2).map(Number)
const endMs = performance.now() + holdMs
const BEAT_INTERVAL_MS = 20

process.stdout.write(`${JSON.stringify({ token: Number(process.env.TNL_TOKEN) })}\n`)

function beat() {
  process.stdout.write(`${JSON.stringify({ alive: String(process.hrtime.bigint()) })}\n`)
  if (performance.now() < endMs) setTimeout(beat, BEAT_INTERVAL_MS)
}

beat()
