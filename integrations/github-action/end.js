// Returns it, whatever became of the job: `post` runs after a failure and after a cancel too.
'use strict'

const { curfew, fail, why } = require('./curfew.js')

try {
  const { code, document } = curfew(['pipeline', 'end', '--json'])
  if (code !== 0) fail(`Curfew could not be told that this job is done (exit ${code}): ${why(document)}`)
} catch (error) {
  fail(error.message)
}
