// Takes access for the rest of the job.
'use strict'

const { curfew, fail, input, list, tell, why } = require('./curfew.js')

const args = ['pipeline', 'start', '--json']
for (const resource of list('resources')) args.push(`--resource=${resource}`)
for (const action of list('actions')) args.push(`--action=${action}`)
if (input('duration')) args.push(`--for=${input('duration')}`)
if (input('reason')) args.push(`--reason=${input('reason')}`)
if (input('role')) args.push('--', input('role'))

try {
  const { code, document } = curfew(args)
  if (code !== 0) {
    fail(`Curfew gave no access (exit ${code}): ${why(document)}`)
  } else if (document.grant) {
    tell('GITHUB_OUTPUT', 'grant-id', document.grant.id)
    tell('GITHUB_OUTPUT', 'expires-at', document.grant.expires_at)
  }
} catch (error) {
  fail(error.message)
}
