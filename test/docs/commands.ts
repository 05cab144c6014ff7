/** Shell commands as pages show them, and whether what they call is there. Just as much of a shell as pages use. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import type { CommandUnknownOpts } from '@commander-js/extra-typings'
import { DEVNET_GENESIS_ACCOUNT } from 'nano402/devnet'
import { makeProgram } from '../../src/cli/program.ts'
import { ROOT } from '../support/child.ts'

interface Package {
  readonly name: string
  readonly scripts: Readonly<Record<string, string>>
  readonly dependencies?: object
  readonly devDependencies?: object
  readonly peerDependencies?: object
}
const packageIn = (folder: string): Package => JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8'))

/** Every variable that something of ours reads. */
const VARIABLES = new Set(
  ['src', 'scripts', 'examples', 'test/services']
    .flatMap(sourcesIn)
    .flatMap((path) => readFileSync(path, 'utf8').match(/\bNANO402_[A-Z0-9_]+/g) ?? []),
)

/** Not what is installed: an example has this very package in it, and so itself. */
function sourcesIn(folder: string): readonly string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : sourcesIn(join(folder, entry.name))
    return entry.name.endsWith('.ts') ? [join(ROOT, folder, entry.name)] : []
  })
}

/** One command: the variables that are set for it, and its words without quotes. */
interface ShellCommand {
  readonly variables: readonly string[]
  readonly words: readonly string[]
}

/** The commands of a block, in their order, without comments and redirections. What is in `$(...)` comes after them. */
function commandsIn(code: string): readonly ShellCommand[] {
  const inner: string[] = []
  const text = code
    .replace(/\\\n/g, ' ')
    .replace(/(^|\s)#.*$/gm, '')
    .replace(/>+ *\S+/g, '')
    .replaceAll('nano_...', DEVNET_GENESIS_ACCOUNT)
    .replace(/\$\(([^)]*)\)/g, (_, command: string) => {
      inner.push(command)
      return 'word'
    })
  return [...text.split(/\n|&&|\|/), ...inner].flatMap((line) => {
    const words = (line.match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? []).map((word) => word.replace(/['"]/g, ''))
    const first = words.findIndex((word) => !/^[A-Z][A-Z0-9_]*=/.test(word))
    const variables = words.slice(0, first === -1 ? words.length : first).map((word) => word.replace(/=.*/, ''))
    return words.length === 0 ? [] : [{ variables, words: first === -1 ? [] : words.slice(first) }]
  })
}

/** What is wrong with the commands of a block: nothing, or sentences. */
export function faultsOf(code: string): readonly string[] {
  let folder = '.'
  return commandsIn(code).flatMap(({ variables, words }) => {
    const [program = '', ...args] = words
    const set = program === 'export' ? args.map((word) => word.replace(/=.*/, '')) : variables
    const unknown = set.filter((name) => name.startsWith('NANO402_') && !VARIABLES.has(name))
    const faults = unknown.map((name) => `Nobody reads ${name}.`)
    if (program === 'cd') folder = args[0] ?? '.'
    return [...faults, ...(program === '' ? [] : faultsOfProgram(program, args, folder))]
  })
}

const HARMLESS = ['export', 'curl', 'openssl', 'docker', 'redis-server', 'tsx', 'next', 'vitest']

function faultsOfProgram(program: string, args: readonly string[], folder: string): readonly string[] {
  if (program === 'nano402') return faultsOfCommandLine(args)
  if (program === 'npx') return faultsOfProgram(args[0] ?? '', args.slice(1), folder)
  if (program === 'npm') return faultsOfNpm(args, folder)
  if (program === 'cd') return existsSync(join(ROOT, folder)) ? [] : [`There is no folder ${folder}.`]
  if (['bash', 'cp'].includes(program)) {
    return existsSync(join(ROOT, folder, args[0] ?? '')) ? [] : [`There is no file ${args[0]}.`]
  }
  return HARMLESS.includes(program) ? [] : [`This test knows no program ${program}.`]
}

/** Asks the command's own parser, which stops before anything is done. */
function faultsOfCommandLine(args: readonly string[]): readonly string[] {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()]
  const interrupted = () => new AbortController().signal
  let command: CommandUnknownOpts = makeProgram({ stdin, stdout, stderr, interrupted, exitStatus: 0 })
  let rest = args
  for (;;) {
    const next = command.commands.find((one) => one.name() === rest[0])
    if (!next) break
    command = next
    rest = rest.slice(1)
  }
  if (rest.includes('--help')) return []
  try {
    const { operands, unknown } = command.parseOptions([...rest])
    const { registeredArguments } = command
    const atMost = registeredArguments.some(({ variadic }) => variadic)
      ? Number.POSITIVE_INFINITY
      : registeredArguments.length
    const atLeast = registeredArguments.filter(({ required }) => required).length
    if (unknown.length > 0) return [`${command.name()} knows no ${unknown[0]}.`]
    const fits = operands.length >= atLeast && operands.length <= atMost && command.commands.length === 0
    return fits ? [] : [`${command.name()} takes other words than ${JSON.stringify(operands)}.`]
  } catch (error) {
    return [String(error)]
  }
}

function faultsOfNpm([verb = '', ...args]: readonly string[], folder: string): readonly string[] {
  const { name, scripts, ...lists } = packageIn(folder)
  if (verb === 'ci') return []
  if (verb === 'install') {
    const known = [name, ...Object.keys({ ...lists.dependencies, ...lists.devDependencies, ...lists.peerDependencies })]
    return args.filter((arg) => !arg.startsWith('-') && !known.includes(arg)).map((arg) => `Nothing here uses ${arg}.`)
  }
  const [script = '', ...rest] = verb === 'run' ? args.filter((arg) => arg !== '--silent') : [verb, ...args]
  const line = scripts[script]
  if (line === undefined) return [`There is no script ${script}.`]
  const source = /(?:scripts|bench)\/[\w-]+\.ts/.exec(line)?.[0]
  const text = source === undefined ? '' : readFileSync(join(ROOT, source), 'utf8')
  return rest
    .filter((word) => /^--\w/.test(word) && !new RegExp(`^ +'?${word.slice(2)}'?: \\{ type: `, 'm').test(text))
    .map((word) => `${script} knows no ${word}.`)
}
