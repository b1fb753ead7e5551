/** Test files that `npm run e2e-tls` leaves out, and why each of them has nothing to say there. */
export const NOT_OVER_TLS: Readonly<Record<string, string>> = {
  'test/e2e/dashboard.test.ts': 'a browser, which believes no authority of a test; tls-page.test.ts has one over TLS',
  'test/e2e/original.test.ts': 'the Python client of 2018 knows no TLS',
  'test/e2e/previous-release.test.ts': 'release 0.3.0 knows no TLS',
  'test/e2e/programs-tls.test.ts': 'speaks TLS by itself, to a front of its own',
  'test/e2e/second-machine.test.ts': 'the client on the other machine is a bare socket',
  'test/e2e/tls-page.test.ts': 'speaks TLS by itself, with an authority of its own',
  'test/e2e/tls.test.ts': 'speaks TLS by itself, with an authority of its own',
}
