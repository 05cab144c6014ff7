/**
 * Puts what esbuild has split together again. It makes a chunk for each set of ways in that share something, and to load
 * a file takes an import half a millisecond, whatever is in it: what a way in shares with others came in twenty of them.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { type BuildOptions, build, type Metafile, type Plugin } from 'esbuild'

export interface Split {
  readonly metafile: Metafile
  /** Where its files are. */
  readonly directory: string
  /** What its paths are relative to. */
  readonly root: string
}

/**
 * Writes a split bundle to another directory, with one file, `shared-0.js` and so on, for all chunks that each of these
 * doors loads at once. A later one imports from the earlier ones, so doors that load little come first.
 */
export async function joinChunks(split: Split, doors: readonly string[], options: BuildOptions, outdir: string) {
  const { root, directory, metafile } = split
  const { outputs } = metafile
  const entries = Object.keys(outputs).filter((path) => outputs[path]?.entryPoint !== undefined)
  const groups = groupChunks(outputs, doors)
  const groupOf = (path: string) => groups.findIndex((chunks) => chunks.has(relative(root, path)))

  /** What a chunk exports, by the names that it has there and in its group, where another may have the same ones. */
  const namesOf = (path: string) =>
    (outputs[relative(root, path)]?.exports ?? []).map(
      (name) => [name, `${name}_${basename(path, '.js').replace('chunk-', '')}`] as const,
    )
  const groupSource = (group: number) =>
    [...(groups[group] ?? [])]
      .map((path) => join(root, path))
      .map((path) => `export { ${namesOf(path).map((pair) => pair.join(' as '))} } from ${JSON.stringify(path)}`)
      .join('\n')
  const referenceSource = (path: string) =>
    `export { ${namesOf(path).map(([name, joined]) => `${joined} as ${name}`)} } from 'shared:${groupOf(path)}'`

  const plugin: Plugin = {
    name: 'join-chunks',
    setup(build) {
      build.onResolve({ filter: /^shared:/ }, ({ path, kind }) =>
        kind === 'entry-point' ? { path, namespace: 'group' } : { path, external: true, sideEffects: false },
      )
      build.onResolve({ filter: /\bchunk-\w+\.js$/ }, ({ path, importer, resolveDir, namespace }) => {
        const chunk = path.startsWith('.') ? join(resolveDir, path) : path
        const group = groupOf(chunk)
        if (group < 0 || namespace === 'group' || groupOf(importer) === group) return { path: chunk }
        // One for each importer: what several import would be split off.
        const name = { path: relative(directory, chunk), suffix: `?${relative(directory, importer)}` }
        return { ...name, namespace: 'reference', sideEffects: false }
      })
      build.onLoad({ filter: /./, namespace: 'group' }, ({ path }) => ({
        contents: groupSource(Number(path.replace('shared:', ''))),
        resolveDir: root,
      }))
      build.onLoad({ filter: /./, namespace: 'reference' }, ({ path }) => ({
        contents: referenceSource(join(directory, path)),
      }))
    },
  }
  const nameOf = (path: string) => relative(directory, join(root, path)).replace(/\.js$/, '')
  const { outputFiles } = await build({
    ...options,
    entryPoints: [
      ...entries.map((path) => ({ in: join(root, path), out: nameOf(path) })),
      ...doors.map((_, group) => ({ in: `shared:${group}`, out: `shared-${group}` })),
    ],
    outdir,
    plugins: [plugin],
    logOverride: { 'ignored-bare-import': 'silent' },
    write: false,
  })
  for (const { path, text } of outputFiles) {
    const toRoot = relative(dirname(path), outdir) || '.'
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(
      path,
      text.replaceAll(/"shared:(\d+)"/g, `"${toRoot.startsWith('.') ? toRoot : `./${toRoot}`}/shared-$1.js"`),
    )
  }
}

/** The chunks that each door loads at once and no door before it, by path. */
function groupChunks(outputs: Metafile['outputs'], doors: readonly string[]): readonly ReadonlySet<string>[] {
  const seen = new Set<string>()
  return doors.map((door) => {
    const chunks = new Set<string>()
    const visit = (path: string) => {
      const output = outputs[path]
      if (!output || seen.has(path)) return
      seen.add(path)
      if (output.entryPoint === undefined) chunks.add(path)
      for (const { path: imported, kind } of output.imports) if (kind === 'import-statement') visit(imported)
    }
    for (const [path, { entryPoint }] of Object.entries(outputs)) if (entryPoint === door) visit(path)
    return chunks
  })
}
