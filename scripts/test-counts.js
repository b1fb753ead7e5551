/**
 * What a vitest JSON report holds, for a shell: a line `PASSED FAILED`, then a line per test that failed, with its file
 * and the first line of its message. Exits with 1 when there is no report.
 */
import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { argv, cwd, exit } from 'node:process'

try {
  const report = JSON.parse(readFileSync(argv[2] ?? '', 'utf8'))
  const failed = report.testResults.flatMap((suite) =>
    suite.assertionResults
      .filter((test) => test.status === 'failed')
      .map((test) => `${relative(cwd(), suite.name)} > ${test.fullName}: ${firstLine(test.failureMessages)}`),
  )
  const unloaded = report.testResults
    .filter((suite) => suite.status === 'failed' && suite.assertionResults.length === 0)
    .map((suite) => `${relative(cwd(), suite.name)} could not be loaded: ${firstLine([suite.message])}`)
  process.stdout.write(`${[`${report.numPassedTests} ${report.numFailedTests}`, ...failed, ...unloaded].join('\n')}\n`)
} catch (error) {
  process.stderr.write(`no test report: ${error.message}\n`)
  exit(1)
}

function firstLine(messages) {
  return (messages[0] ?? '').split('\n', 1)[0].slice(0, 200)
}
