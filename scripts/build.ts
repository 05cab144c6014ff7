/**
 * Builds what is published: types, and each way in as one bundle for Node and one for every other runtime. Bundled,
 * because a hundred small modules take an import four times as long. `npm run build`, or `tsx scripts/build.ts <folder>`.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type BuildOptions, build, type Metafile, type Plugin } from 'esbuild'
import { joinChunks } from './join-chunks.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const out = process.argv[2] ?? join(ROOT, 'dist')

interface Package {
  readonly bin: Readonly<Record<string, string>>
  readonly exports: Readonly<Record<string, string | Readonly<Record<'types' | 'node' | 'default', string>>>>
  readonly dependencies: Readonly<Record<string, string>>
  readonly peerDependencies: Readonly<Record<string, string>>
}
const { bin, exports, dependencies, peerDependencies } = JSON.parse(
  readFileSync(join(ROOT, 'package.json'), 'utf8'),
) as Package
const doors = Object.values(exports).flatMap((target) =>
  typeof target === 'string' ? [target] : Object.values(target),
)

/** The sources of these ways in that are in this folder of `dist`. */
const sourcesOf = (targets: readonly string[], folder: string) =>
  targets
    .filter((path) => path.startsWith(`./dist/${folder}/`))
    .map((path) => path.replace(`./dist/${folder}/`, '').replace(/\.js$/, '.ts'))

/**
 * tweetnacl is one function that holds all of NaCl; we need its field arithmetic. As a module it is what we use of it: a
 * third. The names are those that `src/nano/ed25519.ts` takes.
 */
const tweetnaclFields: Plugin = {
  name: 'tweetnacl-fields',
  setup(build) {
    build.onLoad({ filter: /tweetnacl[/\\]nacl-fast\.js$/ }, ({ path }) => {
      const [start, end] = ["(function(nacl) {\n'use strict';", 'nacl.lowlevel = {']
      const source = readFileSync(path, 'utf8')
      if (!source.startsWith(start) || !source.includes(end)) throw new Error('tweetnacl is not the one we know.')
      const names = 'gf, D, L, pack25519, unpack25519, M, A, S, Z, pow2523, set25519, modL'
      const body = source.slice(start.length, source.indexOf(end))
      return { contents: `${body}\nexport default { lowlevel: { ${names} } }`, loader: 'js' }
    })
  },
}

/** Source maps are of our own sources: with those of others, they would be a fifth of what is installed. */
const ownMapsOnly: Plugin = {
  name: 'own-maps-only',
  setup(build) {
    build.onLoad({ filter: /[/\\]node_modules[/\\].*\.[cm]?js$/ }, ({ path }) => {
      const map = { version: 3, sources: [basename(path)], sourcesContent: [''], mappings: 'AAAA' }
      const url = `data:application/json;base64,${Buffer.from(JSON.stringify(map)).toString('base64')}`
      return { contents: `${readFileSync(path, 'utf8')}\n//# sourceMappingURL=${url}`, loader: 'js' }
    })
  },
}

/** Whose imports should cost little: the adapters, which load the same things, and what loads less. */
const LIGHT_DOORS = ['src/nano/index.ts', 'adapters/hono.ts']

const COMMON = {
  absWorkingDir: ROOT,
  bundle: true,
  splitting: true,
  format: 'esm',
  target: 'es2022',
  // What an application brings itself, or what is only loaded when it is used. Everything else is put into the bundle.
  external: [...Object.keys({ ...dependencies, ...peerDependencies }), 'node:*', 'better-sqlite3', 'libsql'],
  platform: 'browser', // on Node, too: what is bundled must not load what only Node has
  sourcemap: 'linked',
  metafile: true,
  logLevel: 'warning',
} as const satisfies BuildOptions

/** `#folder/name` is what differs between runtimes: `src/folder/name.node.ts` and `src/folder/name.web.ts`. */
async function bundle(runtime: 'node' | 'web', targets: readonly string[], outdir = join(out, runtime)) {
  const { metafile } = await build({
    ...COMMON,
    entryPoints: sourcesOf(targets, runtime),
    outbase: '.',
    outdir,
    tsconfigRaw: { compilerOptions: { paths: { '#*': [`./src/*.${runtime}.ts`] }, verbatimModuleSyntax: true } },
    plugins: [tweetnaclFields, ownMapsOnly],
    alias: {
      '@commander-js/extra-typings': 'commander', // the same with types, which are not needed any more
      blakejs: 'blakejs/blake2b.js', // without BLAKE2s
    },
  })
  return metafile
}

/** The licences of what is in the bundles. */
function noticeOf(...metafiles: readonly Metafile[]): string {
  const inputs = metafiles.flatMap((metafile) => Object.keys(metafile.inputs))
  const names = inputs.flatMap((path) => /node_modules\/((@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? [])
  return [...new Set(names)]
    .sort()
    .map((name) => {
      const folder = join(ROOT, 'node_modules', name)
      const licence = ['LICENSE', 'LICENSE.md'].map((file) => join(folder, file)).find(existsSync)
      if (!licence) throw new Error(`${name} is bundled, and has no licence.`)
      return `${name}\n\n${readFileSync(licence, 'utf8')}`
    })
    .join('\n\n')
}

// The command apart: what it shares with the library would be cut into many small pieces, which every import pays for.
const directory = join(out, 'split')
const [metafile, , commandMetafile] = await Promise.all([
  bundle('node', doors, directory),
  bundle('web', doors),
  bundle('node', Object.values(bin)),
])
await joinChunks({ metafile, directory, root: ROOT }, LIGHT_DOORS, COMMON, join(out, 'node'))
rmSync(directory, { recursive: true })
writeFileSync(join(out, 'LICENSES'), noticeOf(metafile, commandMetafile))

// Last: what runs does not wait for the types to be right.
execFileSync(
  join(ROOT, 'node_modules/.bin/tsc'),
  ['-p', 'tsconfig.build.json', '--outDir', join(out, 'types'), '--tsBuildInfoFile', join(out, '.tsbuildinfo')],
  { cwd: ROOT, stdio: 'inherit' },
)
