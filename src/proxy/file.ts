/** A proxy's options in a file: YAML, or JSON, which is YAML. `${NAME}` in a text is the environment's. */
import { LineCounter, type Node, parseDocument, Scalar, visit } from 'yaml'
import { ConfigError } from '../errors.ts'

export interface ProxyFile {
  /** As they stand there: see `fromData`. */
  readonly options: Readonly<Record<string, unknown>>
  /** What should not stand in a file, in sentences. */
  readonly warnings: readonly string[]
  /** An error of what is made of the options, with the line that it is about. */
  located(error: ConfigError): ConfigError
}

/** Amounts are text for us: as a number, 0.1 is not 0.1. */
const AMOUNTS = new Set(['price', 'raw', 'usd', 'unit', 'minDeposit', 'suggestedDeposit', 'maxDeposit', 'withdrawFrom'])
const SECRETS = new Set(['secret', 'receipts', 'seed', 'key', 'token'])
const VARIABLE = /\$\{(\w+)\}/g

/**
 * Reads what is in a file. `name`: what errors call it.
 *
 * @throws {@link ConfigError} (`ERR_CONFIG`) with the line.
 */
export function readProxyFile(
  text: string,
  { name, environment }: { readonly name: string; readonly environment: Readonly<Record<string, string | undefined>> },
): ProxyFile {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, stringKeys: true })
  const at = (offset: number | undefined) =>
    offset === undefined ? name : `${name}, line ${lines.linePos(offset).line}`
  const [broken] = document.errors
  if (broken) throw new ConfigError(`${at(broken.pos[0])}: this is no YAML: ${firstLine(broken.message)}`)
  const warnings: string[] = []
  visit(document, {
    Scalar(position, scalar, ancestors) {
      if (position === 'key') return
      const key = keyAbove(ancestors)
      const where = at(scalar.range?.[0])
      if (AMOUNTS.has(key) && typeof scalar.value === 'number') scalar.value = scalar.source
      const { value } = scalar
      if (typeof value !== 'string') return
      if (SECRETS.has(key) && !VARIABLE.test(value)) {
        warnings.push(`${where}: ${key} is a secret. Keep it in the environment, and write \${NAME} here.`)
      }
      scalar.value = value.replace(VARIABLE, (_, variable: string) => {
        const found = environment[variable]
        if (!found) throw new ConfigError(`${where}: ${key} asks for \${${variable}}, which the environment has not.`)
        return found
      })
    },
  })
  const options = readValue(document, name) ?? {}
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new ConfigError(`${name}: expected options such as "routes:", each on a line of its own.`)
  }
  return {
    options: options as ProxyFile['options'],
    warnings,
    located(error) {
      const [, place] = /^([\w.[\]]+): /.exec(error.message) ?? []
      const path = place?.match(/\w+/g)?.map((part) => (/^\d+$/.test(part) ? Number(part) : part)) ?? []
      const node = nearest(document, path)
      return new ConfigError(`${at(node?.range?.[0])}: ${error.message}`, { cause: error })
    },
  }
}

function readValue(document: ReturnType<typeof parseDocument>, name: string): unknown {
  try {
    return document.toJS()
  } catch (error) {
    throw new ConfigError(`${name}: this is no YAML: ${firstLine((error as Error).message)}`, { cause: error })
  }
}

const firstLine = (message: string) => message.split('\n')[0] ?? ''

/** What a value is the value of: the key before it, or before the list that it is in. */
function keyAbove(ancestors: readonly unknown[]): string {
  const pair = ancestors.findLast((one) => typeof one === 'object' && one !== null && 'key' in one) as
    | { readonly key: unknown }
    | undefined
  return pair?.key instanceof Scalar ? String(pair.key.value) : ''
}

/** What stands at a path, or the nearest thing above it. */
function nearest(document: ReturnType<typeof parseDocument>, path: readonly (string | number)[]): Node | undefined {
  for (let length = path.length; length > 0; length--) {
    const found = document.getIn(path.slice(0, length), true)
    if (found) return found as Node
  }
  return undefined
}
