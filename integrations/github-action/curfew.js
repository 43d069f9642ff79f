// What both halves of the action share: inputs, and running the program. No package is needed, so none is bundled.
'use strict'

const { spawnSync } = require('node:child_process')
const { appendFileSync } = require('node:fs')

// The runner hands inputs over as variables: "Creating a JavaScript action", GitHub's documentation.
const input = (name) => (process.env[`INPUT_${name.toUpperCase()}`] ?? '').trim()

const list = (name) => input(name).split(/[\s,]+/).filter((word) => word !== '')

// Adds NAME=VALUE to one of the runner's files. A line break would begin another name.
const tell = (file, name, value) => {
  if (/[\r\n]/.test(value)) throw new Error(`the value of ${name} has a line break`)
  appendFileSync(process.env[file], `${name}=${value}\n`)
}

// A message as a workflow command carries it.
const escape = (text) => text.replace(/%/g, '%25').replace(/\r/g, '%0D').replace(/\n/g, '%0A')

const fail = (message) => {
  process.stdout.write(`::error::${escape(message)}\n`)
  process.exitCode = 1
}

// Runs the program: its log lines go to the job's log, its document comes back. No shell reads the arguments.
const curfew = (args) => {
  const env = { ...process.env, CURFEW_SERVER: input('server') }
  const options = { env, stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8', maxBuffer: 16 * 1024 * 1024 }
  const ran = spawnSync(input('binary') || 'curfew', args, options)
  if (ran.error) throw new Error(`${input('binary') || 'curfew'} cannot be run: ${ran.error.message}`)
  let document = null
  try {
    document = JSON.parse(ran.stdout)
  } catch {
    // A program that was ended by a signal printed nothing; its code says so.
  }
  return { code: ran.status ?? 1, document }
}

// Why the program said no: an error, or the decision that denied.
const why = (document) => {
  const error = document?.error
  if (error) return [error.message, error.hint].filter(Boolean).join('\n')
  const reasons = [...(document?.unsatisfied ?? []), ...(document?.failed ?? [])].map((reason) => reason.message)
  return reasons.length > 0 ? `policy denies it: ${reasons.join('; ')}` : 'it did not say why'
}

module.exports = { curfew, fail, input, list, tell, why }
