/** Who may read over HTTP in a test: everybody, unless it says something else. */
import { HttpAccess, type HttpAccessDeps } from '../../src/server/http/http-access.js'
import { SystemClock } from '../../src/server/system-clock.js'
import { AccessControl } from '../../src/service/access/access-control.js'
import { NO_AUDIT } from '../../src/service/access/audit.js'
import { FailedAttempts } from '../../src/service/access/failed-attempts.js'
import { openPolicy } from '../../src/service/access/open-policy.js'

export function httpAccess(change: Partial<HttpAccessDeps> = {}): HttpAccess {
  return new HttpAccess({
    access: new AccessControl(openPolicy('this machine', false)),
    audit: NO_AUDIT,
    failedAttempts: new FailedAttempts(new SystemClock()),
    advertise: 'n1.example:7654',
    ...change,
  })
}
