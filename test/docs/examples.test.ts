/**
 * Compiles every `@example` and every ```ts block of the README and docs, and runs the examples that say what they are
 * worth: `expression // expected`. A page's block runs if it is marked ```ts run. What a page's block needs and a reader
 * need not see stands in a comment in front of it: `<!-- with: declare const app: Express -->`. A block that begins with the
 * name of a file, `// src/app.ts`, is that file for the other blocks of its page.
 */
import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { PAGES } from './pages.ts'

interface Block {
  readonly file: string
  /** Where its code starts, from 1. */
  readonly line: number
  /** What goes before its code. */
  readonly setup: string
  readonly code: string
  /** What its code is worth, if it is one expression that says so. */
  readonly worth: string | undefined
  readonly runs: boolean
}

const root = fileURLToPath(new URL('../..', import.meta.url))
const workspace = join(root, 'test-artifacts', `examples-${process.pid}`)
const read = (file: string) => readFile(join(root, file), 'utf8')
const filesIn = async (folder: string, ending: string): Promise<readonly string[]> =>
  (await readdir(join(root, folder), { recursive: true }))
    .filter((name) => name.endsWith(ending))
    .map((name) => `${folder}/${name}`)
    .sort()

/** Every entry of the package: its published name, its source, and the values that it exports. */
const entries = await Promise.all(
  Object.entries(packageJson.exports)
    .flatMap(([subpath, target]) => (typeof target === 'string' ? [] : [{ subpath, path: target.node }]))
    .map(async ({ subpath, path }) => {
      const source = path.replace('./dist/node/', '').replace(/js$/, 'ts')
      return { name: `nano402${subpath.slice(1)}`, source, exported: Object.keys(await import(join(root, source))) }
    }),
)

/** Imports what an example uses from the entry nearest to it: its own module, the index of its folder, the front door. */
function importsFor(file: string, code: string): string {
  const nearness = ({ source }: { readonly source: string }) =>
    source === file ? Number.POSITIVE_INFINITY : file.startsWith(`${dirname(source)}/`) ? dirname(source).length : 0
  const nearest = entries.toSorted((a, b) => nearness(b) - nearness(a))
  const words = new Set(code.replace(/'[^'\n]*'|\.\w+/g, '').match(/[A-Za-z_]\w*/g))
  return [...words]
    .map((word) => ({ word, entry: nearest.find(({ exported }) => exported.includes(word)) }))
    .map(({ word, entry }) => (entry ? `import { ${word} } from '${entry.name}'\n` : ''))
    .join('')
}

/** Takes `expression // expected` apart. A statement with a comment is no such thing. */
function priced(text: string): Pick<Block, 'code' | 'worth'> {
  const match = /^(?!const |let |import |export |for |if |\/\/)([\s\S]*\S) +\/\/ (.+)$/.exec(text.trim())
  return { code: match?.[1] ?? text, worth: match?.[2] }
}

const lineAt = (text: string, index: number) => text.slice(0, index).split('\n').length

function examplesIn(file: string, text: string): readonly Block[] {
  return [...text.matchAll(/^ *\* @example\n((?: *\*(?!\/| @).*\n)+)/gm)].map((match) => {
    const example = priced((match[1] ?? '').replace(/^ *\* ?/gm, ''))
    const setup = importsFor(file, example.code)
    return { ...example, file, line: lineAt(text, match.index) + 1, setup, runs: example.worth !== undefined }
  })
}

function blocksIn(file: string, text: string): readonly Block[] {
  return [...text.matchAll(/^(?:<!-- with:([\s\S]*?)-->\n+)?```ts( run)?\n([\s\S]*?)^```$/gm)].map((match) => {
    const [all, setup = '', run, code = ''] = match
    const line = lineAt(text, match.index + all.lastIndexOf(code))
    return { ...(run ? priced(code) : { code, worth: undefined }), file, line, setup, runs: run !== undefined }
  })
}

/** Where a block that says its file's name goes: to a folder of its page. */
function fileNamedIn({ file, code }: Block): string | undefined {
  const name = /^\/\/ (\S+\.tsx?)\n/.exec(code)?.[1]
  return name && `${file.replace(/\W/g, '-')}/${name}`
}

const asModule = ({ setup, code, worth }: Block) =>
  worth === undefined
    ? `${setup}\n${code}\nexport {}\n`
    : `${setup}\nexport const actual = async () => (\n${code}\n)\nexport const expected = () => (\n${worth}\n)\n`

const sources = [...(await filesIn('src', '.ts')), ...(await filesIn('adapters', '.ts'))]
const blocks = [
  ...(await Promise.all(sources.map(async (file) => examplesIn(file, await read(file))))).flat(),
  ...(await Promise.all(PAGES.map(async (file) => blocksIn(file, await read(file))))).flat(),
].map((block, i) => ({ ...block, path: fileNamedIn(block) ?? `${i}.ts` }))

let compilerSays = ''
beforeAll(async () => {
  await mkdir(workspace, { recursive: true })
  const config = { extends: '../../tsconfig.json', include: ['**/*.ts'], exclude: [] }
  await writeFile(join(workspace, 'tsconfig.json'), JSON.stringify(config))
  const write = async (block: (typeof blocks)[number]) => {
    await mkdir(dirname(join(workspace, block.path)), { recursive: true })
    await writeFile(join(workspace, block.path), asModule(block))
  }
  await Promise.all(blocks.map(write))
  const tsc = promisify(execFile)(join(root, 'node_modules/.bin/tsc'), ['--pretty', 'false'], { cwd: workspace })
  compilerSays = await tsc.then(() => '').catch(({ stdout }) => stdout)
})
const { fetch } = globalThis
const environment = { ...process.env }
afterAll(async () => {
  // What blocks set, the next file in this worker must not find.
  globalThis.fetch = fetch
  for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name]
  Object.assign(process.env, environment)
  await rm(workspace, { recursive: true })
})

test('the compiler has no complaint but about single files', () => {
  expect(compilerSays.match(/^error .*/gm)).toBeNull()
})

test.each([...new Set(blocks.map(({ file }) => file))])('the examples in %s are true', async (file) => {
  for (const block of blocks.filter((block) => block.file === file)) {
    const where = `${block.file}:${block.line}`
    const complaints = compilerSays.split('\n').filter((line) => line.startsWith(`${block.path}(`))
    expect(complaints, where).toEqual([])
    if (!block.runs) continue
    const example = await import(join(workspace, block.path))
    if (block.worth !== undefined) expect(await example.actual(), where).toEqual(example.expected())
  }
})

test('every @example and every ```ts is found', async () => {
  const written = await Promise.all([...sources, ...PAGES].map(read))
  expect(blocks).toHaveLength(written.join('\n').match(/@example\s|^```ts\b/gm)?.length ?? 0)
})
