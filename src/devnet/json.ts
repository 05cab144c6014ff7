/** JSON as a node reads and prints it. */

/** Four spaces, and a line feed at the end. */
export const printJson = (value: object): string => `${JSON.stringify(value, null, 4)}\n`

/** The value, or `undefined` for what is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const MOST_DEPTH = 20

/** Whether it is nested deeper than a node reads. */
export function isTooDeep(json: string): boolean {
  let depth = 0
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}]/g)) {
    if (token === '[' || token === '{') depth++
    else if (token === ']' || token === '}') depth--
    if (depth > MOST_DEPTH) return true
  }
  return false
}
