/** Writes the API reference, a page for each way into the package, from the doc comments into `api/`. */
import { fileURLToPath } from 'node:url'
import { Application, type Context, ReflectionKind, type TypeDocOptions } from 'typedoc'
import type { PluginOptions } from 'typedoc-plugin-markdown'
import packageJson from '../package.json' with { type: 'json' }

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** Each way in: the name that is imported, and the source behind it. */
const doors = Object.entries(packageJson.exports).flatMap(([subpath, target]) =>
  typeof target === 'string'
    ? []
    : [
        {
          name: `nano402${subpath.slice(1)}`,
          source: target.types.replace('./dist/types/', '').replace('.d.ts', '.ts'),
        },
      ],
)

const options: Partial<TypeDocOptions> & PluginOptions = {
  plugin: ['typedoc-plugin-markdown'],
  entryPoints: doors.map(({ source }) => ROOT + source),
  tsconfig: `${ROOT}tsconfig.build.json`,
  skipErrorChecking: true, // the root's compiler checks the sources; the one that typedoc knows is a version behind
  excludeExternals: true, // what errors inherit from `Error`
  excludeInternal: true,
  validation: { notExported: false },
  out: fileURLToPath(new URL('api', import.meta.url)),
  name: 'API',
  readme: 'none',
  router: 'module',
  entryFileName: 'index',
  flattenOutputFiles: true,
  hidePageHeader: true,
  hideBreadcrumbs: true,
  disableSources: true,
  useCodeBlocks: true,
  groupOrder: ['Functions', 'Variables', 'Interfaces', 'Type Aliases', 'Classes'],
  parametersFormat: 'table',
}
const app = await Application.bootstrapWithPlugins(options)

/** Modules are called as they are imported, not by their files. */
app.converter.on('resolveBegin', ({ project }: Context) => {
  const names = new Map(doors.map(({ name, source }) => [source.replace(/(\/index)?\.ts$/, ''), name]))
  for (const module of project.getReflectionsByKind(ReflectionKind.Module))
    module.name = names.get(module.name) ?? module.name
})

/** What every error has is said once, of the one that they extend. */
app.converter.on('resolveEnd', ({ project }: Context) => {
  for (const member of project.getReflectionsByKind(ReflectionKind.ClassMember))
    if (member.isDeclaration() && (member.inheritedFrom ?? member.signatures?.[0]?.inheritedFrom))
      project.removeReflection(member)
})

/** A comment may name what another file exports, without an import for the comment's sake. */
app.converter.addUnknownSymbolResolver(({ symbolReference }, { project }, comment) => {
  if (!comment) return undefined // a type, of which the name is enough
  const name = symbolReference?.path?.map(({ path }) => path).join('.')
  const named = project.getReflectionsByKind(ReflectionKind.SomeExport).find((one) => one.name === name)
  return named?.parent && `${named.parent.name.replaceAll('/', '.')}.md#${named.name.toLowerCase()}`
})

const project = await app.convert()
if (!project) throw new Error('The sources cannot be read.')
app.validate(project)
/** What can be imported says what it is, and what can be called shows how. */
for (const one of project.getReflectionsByKind(ReflectionKind.SomeExport)) {
  if (!one.isDeclaration() || one.isReference() || !one.parent?.kindOf(ReflectionKind.Module)) continue
  const [call] = one.kindOf(ReflectionKind.Function) ? (one.signatures ?? []) : []
  const comment = call?.comment ?? one.comment
  if (!comment) app.logger.warn(`${one.getFullName()} has no doc comment.`)
  else if (call && !comment.getTag('@example')) app.logger.warn(`${one.getFullName()} shows no @example.`)
}
await app.generateOutputs(project)
if (app.logger.hasErrors() || app.logger.hasWarnings()) process.exitCode = 1
