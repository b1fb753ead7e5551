/** Faults of whom a client believes over TLS, and what it tells to whom (ADR 38). */
import type { Mutant } from '../mutant.js'

const TLS_TESTS = 'test/client/security/tls.test.ts'
const TOKEN_TESTS = 'test/client/security/token.test.ts'
const ACCOUNTS_TESTS = 'test/e2e/accounts.test.ts'
const DIAL = 'src/client/transport/dial.ts'

const own = (id: string, title: string, test: string, file: string, find: string, replace: string): Mutant => {
  const killers = ['tests'] as const
  return { id, title, rule: 'own', edits: [{ file, find, replace }], killers, tests: [test] }
}

export const TLS_OF_CLIENTS: readonly Mutant[] = [
  own(
    'T820',
    'whether a node has to prove who it is is left to a variable of the environment',
    TLS_TESTS,
    'src/client/security/secure-stream.ts',
    '    rejectUnauthorized: true,\n',
    '',
  ),
  own(
    'T821',
    'the certificate of a node has to name an address that its name was looked up to, not the name',
    TLS_TESTS,
    'src/client/transport/link-socket.ts',
    'address.name ?? host)',
    'host)',
  ),
  own(
    'T822',
    'a certificate is used with the key of the one before it',
    TLS_TESTS,
    'src/client/security/tls-source.ts',
    '    } catch {\n      return\n    }\n',
    '    } catch {}\n',
  ),
  own(
    'T823',
    'a renewed certificate is not read',
    TLS_TESTS,
    'src/client/session/resumption.ts',
    '      beforeRound: () => credentials.refresh(),\n      first: next,',
    '      first: next,',
  ),
  own(
    'T824',
    'a token is told to whoever is reached',
    TOKEN_TESTS,
    'src/client/security/credentials.ts',
    'if (isSecure || this.insecureAuth || isLoopbackHost(remote.host)) return text',
    'return text',
  ),
  own(
    'T825',
    'a redirect that cannot be followed safely ends the search',
    TLS_TESTS,
    DIAL,
    "const trouble = address === ownAddress || outcome.trouble === 'refused' ? outcome.trouble : null",
    'const { trouble } = outcome',
  ),
  own(
    'T826',
    'a session ends at the first node that does not know its client',
    TOKEN_TESTS,
    DIAL,
    'if (hopelessIsFinal) throw new UnauthorizedError(message)',
    'throw new UnauthorizedError(message)',
  ),
  own(
    'T827',
    'a client that no node knows any more tries on for as long as its session could have lived',
    TOKEN_TESTS,
    DIAL,
    "    if (first.trouble === 'unauthorized') throw new UnauthorizedError(first.reason)\n",
    '',
  ),
  own(
    'T828',
    'a fencing token is taken for the token of an account',
    TOKEN_TESTS,
    'src/client/security/credential-options.ts',
    'text === undefined || /^[\\d ]*$/.test(text) ? null : text',
    "text === undefined || text === '' ? null : text",
  ),
  own(
    'T829',
    'what is wrong with a token is said with the token',
    TOKEN_TESTS,
    'src/client/security/token-source.ts',
    ': more than a token in it',
    ': more than a token in it` + text + `',
  ),
  own(
    'T82A',
    'a session gives up when all certificates have expired for a moment',
    TLS_TESTS,
    DIAL,
    'if (this.plan.hopelessIsFinal !== true || this.plan.budgetMs === Number.POSITIVE_INFINITY) return',
    'if (this.plan.budgetMs === Number.POSITIVE_INFINITY) return',
  ),
  own(
    'T82B',
    'over TLS the guardian says its goodbye on its copy of the connection, where no node understands it',
    'test/e2e/do-tls.test.ts',
    'src/cli/guardian/session-connection.ts',
    'handle !== null && resumption?.credentials.tls == null',
    'handle !== null',
  ),
  own(
    'T82C',
    'the guardian knows nodes by their numbers only, which no certificate may have',
    'test/client/transport/link.test.ts',
    'src/client/transport/link.ts',
    'this.remote = { host: tcp.remoteAddress ?? host, port, name }',
    'this.remote = { host: tcp.remoteAddress ?? host, port }',
  ),
  own(
    'T82D',
    'the guardian does not say whose the session is that it says goodbye for',
    ACCOUNTS_TESTS,
    'src/cli/guardian/session-connection.ts',
    "formatLine('resume', { session, secret, auth: credentials.authOn(link) })",
    "formatLine('resume', { session, secret })",
  ),
  own(
    'T82E',
    'the token of an account is lost where the fencing token takes its place',
    ACCOUNTS_TESTS,
    'src/cli/do/run.ts',
    '...withoutVariables(start.variables, OWN_VARIABLES), ...movedToken(start.variables)',
    '...withoutVariables(start.variables, OWN_VARIABLES)',
  ),
  own(
    'T962',
    'who speaks plainly to a port for TLS alone is not asked about TLS',
    TLS_TESTS,
    'src/client/transport/link.ts',
    "isFirst ? CLOSED_WITHOUT_A_WORD : 'closed by the server'",
    "'closed by the server'",
  ),
  own(
    'T965',
    'a command whose account was taken away is killed without having been asked to end',
    'test/cli/do/supervision.test.ts',
    'src/cli/do/supervision.ts',
    'this.#isTurnedAway = true',
    'this.#isTurnedAway = false',
  ),
  own(
    'T966',
    'a command whose account was taken away runs on past the limit when its guardian stands still',
    'test/cli/do/supervision.test.ts',
    'src/cli/do/supervision.ts',
    'if (leftMs <= 0) this.#killAtOnce()',
    'if (leftMs < 0) this.#killAtOnce()',
  ),
]
