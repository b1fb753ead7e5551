/** Words that only a transcript shows: left out, or said to the wrong client. */
import { edit as at, type Edit, type Mutant } from '../mutant.js'

const ofTranscripts = (id: string, title: string, edit: Edit): Mutant => ({
  ...{ id, title, rule: 'own', edits: [edit] },
  ...{ killers: ['tests'], tests: ['test/transcripts/transcripts.test.ts'] },
})

export const TRANSCRIPTS: readonly Mutant[] = [
  {
    id: 'L760',
    title: 'a learner that nobody ever heard of becomes a voter',
    rule: 'own',
    edits: [
      at(
        'src/service/administration/administration.ts',
        'if (progress === undefined || !progress.active || progress.match === 0) {',
        'if (progress === undefined || !progress.active) {',
      ),
    ],
    killers: ['tests'],
    tests: ['test/service/administration/administration.test.ts'],
  },
  ofTranscripts(
    'L761',
    'a client is not told that somebody stands between',
    at('src/service/dialects/requests/opening.ts', "relayed: welcome.isRelayed ? 'yes' : undefined,", ''),
  ),
  ofTranscripts(
    'L762',
    'a node that goes down does not say where to resume',
    at('src/service/dialects/session.ts', 'this.connection.close(movedReply(address))', 'this.connection.close()'),
  ),
  ofTranscripts(
    'L763',
    'a node does not say that its lease is safe again',
    at('src/service/leases/right-to-speak.ts', '    this.deps.onSafe()\n', ''),
  ),
  ofTranscripts(
    'L764',
    'a node does not say that its lease is in jeopardy',
    at('src/service/leases/right-to-speak.ts', '      this.deps.onJeopardy(this.remainingMs())\n', ''),
  ),
  ofTranscripts(
    'L765',
    'a session is opened at any node, unless the client wants to stay',
    at('src/service/dialects/requests/hello.ts', "mayRedirect: redirect === 'yes',", "mayRedirect: redirect === 'no',"),
  ),
  ofTranscripts(
    'L766',
    'a node serves clients although it is to redirect them',
    at('src/service/dialects/redirects.ts', "(!wanted && options.followers === 'serve')", '!wanted'),
  ),
  ofTranscripts(
    'L767',
    'a classic client that can be redirected is served by a follower',
    at(
      'src/service/dialects/requests/classic/lock.ts',
      'redirectAddress(context, connection, mayRedirect)',
      'redirectAddress(context, connection, false)',
    ),
  ),
  ofTranscripts(
    'L768',
    'a client whose session cannot be opened in time is not told why',
    at('src/service/dialects/session.ts', "this.#closeBy('break', NO_QUORUM)", "this.#closeBy('break')"),
  ),
]
