/**
 * Looks at the package as a stranger gets it: packed, installed into an empty project, imported, bundled and compiled
 * against. Prints a table, and ends with 1 when something is not as it should be. `npm run check:package`
 */
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkEdgeBundle } from './edge-bundle.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const MAX_PACKAGES = 8
const MAX_MEGABYTES = 12
const MAX_EDGE_KILOBYTES = 60

/** One row of the table. `wrong` says why, when something is. */
interface Finding {
  readonly what: string
  readonly found: string
  readonly wrong?: string | undefined
}

const directory = mkdtempSync(join(tmpdir(), 'nano402-package-'))
const consumer = join(directory, 'consumer')
const bin = (name: string) => join(ROOT, 'node_modules/.bin', name)

/** Runs a program. Its output stands in for the reason when it fails. */
function run(
  command: string,
  args: readonly string[],
  cwd: string,
): { readonly output: string; readonly failed: boolean } {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' })
  return { output: `${stdout}${stderr}`.trim(), failed: status !== 0 }
}

/** The same, where nothing can follow a failure. */
function mustRun(command: string, args: readonly string[], cwd: string): string {
  const { output, failed } = run(command, args, cwd)
  if (failed) throw new Error(`${command} ${args.join(' ')} failed:\n${output}`)
  return output
}

/** Builds and packs apart from the checkout, so that nothing that lies about in dist gets in, or changes under anybody. */
function pack(): string {
  const source = join(directory, 'package')
  mkdirSync(source)
  for (const file of ['package.json', 'README.md', 'CHANGELOG.md', 'LICENSE'])
    cpSync(join(ROOT, file), join(source, file))
  mustRun(bin('tsx'), ['scripts/build.ts', join(source, 'dist')], ROOT)
  mustRun('npm', ['pack', '--ignore-scripts', '--pack-destination', directory], source)
  return join(directory, readdirSync(directory).find((name) => name.endsWith('.tgz')) ?? '')
}

function install(tarball: string): void {
  mkdirSync(consumer)
  writeFileSync(join(consumer, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
  mustRun('npm', ['install', tarball, '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'], consumer)
}

/** publint and Are the types wrong. The package is ESM alone, which Node 20.19 and later can `require` as well. */
function lint(tarball: string): readonly Finding[] {
  const publint = run(bin('publint'), [tarball, '--strict'], directory)
  const attw = run(bin('attw'), [tarball, '--profile', 'esm-only', '--no-emoji', '--no-color'], directory)
  return [
    {
      what: 'publint',
      found: publint.failed ? 'problems' : 'good',
      wrong: publint.failed ? publint.output : undefined,
    },
    {
      what: 'are the types wrong',
      found: attw.failed ? 'problems' : 'good',
      wrong: attw.failed ? attw.output : undefined,
    },
  ]
}

function measure(): readonly Finding[] {
  const files = readdirSync(join(consumer, 'node_modules'), { recursive: true, encoding: 'utf8' })
    .map((path) => join(consumer, 'node_modules', path))
    .filter((path) => statSync(path).isFile())
  const packages = files.filter((path) => /node_modules\/(@[^/]+\/)?[^/]+\/package\.json$/.test(path)).length
  const bytes = files.reduce((sum, path) => sum + statSync(path).size, 0)
  return [
    limited('packages, itself included', packages, MAX_PACKAGES, ''),
    limited('installed', bytes / 1e6, MAX_MEGABYTES, ' MB'),
  ]
}

const limited = (what: string, value: number, limit: number, unit: string): Finding => ({
  what,
  found: `${Number.isInteger(value) ? value : value.toFixed(1)}${unit} of ${limit}${unit}`,
  wrong: value > limit ? `more than ${limit}${unit}` : undefined,
})

/** Optional peers and frameworks are lent, not downloaded. */
function lend(...names: readonly string[]): void {
  for (const name of names) symlinkSync(join(ROOT, 'node_modules', name), join(consumer, 'node_modules', name))
}

/** Every way in, by `import` and by `require`, and the command. */
function enter(): readonly Finding[] {
  lend('prom-client', '@opentelemetry', 'hono')
  const { exports, bin: commands } = createRequire(join(consumer, 'x.js'))('nano402/package.json')
  const doors = Object.keys(exports)
    .filter((door) => door !== './package.json')
    .map((door) => `nano402${door.slice(1)}`)
  const each = (code: (door: string) => string, type: string) =>
    doors
      .map((door) => ({
        door,
        ...run(process.execPath, ['--no-warnings', `--input-type=${type}`, '--eval', code(door)], consumer),
      }))
      .filter(({ failed, output }) => failed || output !== 'entered')
      .map(({ door, output }) => `${door}: ${output}`)
  const entered = (module: string) => `if (Object.keys(${module}).length > 0) console.log('entered')`
  const imported = each((door) => entered(`await import('${door}')`), 'module')
  const required = each((door) => entered(`require('${door}')`), 'commonjs')
  const help = Object.keys(commands).map((name) => run(join(consumer, 'node_modules/.bin', name), ['--help'], consumer))
  const silent = help.filter(({ failed, output }) => failed || output === '')
  const finding = (what: string, failures: readonly string[]): Finding => ({
    what,
    found: `${doors.length - failures.length} of ${doors.length}`,
    wrong: failures.length > 0 ? failures.join('\n') : undefined,
  })
  return [
    finding('doors that import', imported),
    finding('doors that require', required),
    { what: 'command', found: Object.keys(commands).join(), wrong: silent[0] && `--help: ${silent[0].output}` },
  ]
}

async function bundle(): Promise<readonly Finding[]> {
  const findings: Finding[] = []
  for (const adapter of ['hono', 'next'] as const) {
    const { bytes, problem } = await checkEdgeBundle(consumer, adapter)
    const size = limited(`edge bundle of ${adapter}, gzipped`, bytes / 1000, MAX_EDGE_KILOBYTES, ' kB')
    findings.push({ ...size, wrong: problem ?? size.wrong })
  }
  return findings
}

/** A project of strict TypeScript that uses what the handlers are told. */
function compile(): readonly Finding[] {
  lend('express', '@types', 'undici-types')
  cpSync(join(ROOT, 'scripts/consumer.ts'), join(consumer, 'consumer.ts'))
  return ['nodenext', 'bundler'].map((resolution) => {
    const module = resolution === 'bundler' ? 'esnext' : resolution
    const options = ['--strict', '--noEmit', '--target', 'es2022', '--types', '', '--module', module]
    const { failed, output } = run(bin('tsc'), [...options, '--moduleResolution', resolution, 'consumer.ts'], consumer)
    return { what: `types, ${resolution}`, found: failed ? 'errors' : 'good', wrong: failed ? output : undefined }
  })
}

try {
  const tarball = pack()
  install(tarball)
  const size = readFileSync(tarball).length
  const findings: readonly Finding[] = [
    { what: 'tarball', found: `${(size / 1000).toFixed(0)} kB` },
    ...lint(tarball),
    ...measure(),
    ...enter(),
    ...(await bundle()),
    ...compile(),
  ]
  for (const { what, found, wrong } of findings) console.log(`${wrong ? 'x' : ' '} ${what.padEnd(32)} ${found}`)
  for (const { what, wrong } of findings) if (wrong) console.error(`\n${what}: ${wrong}`)
  process.exitCode = findings.some(({ wrong }) => wrong) ? 1 : 0
} finally {
  rmSync(directory, { recursive: true })
}
