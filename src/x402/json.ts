/** JSON from a stranger: what two readers could understand differently is refused. */

/**
 * Parses JSON, or gives undefined for text that is not JSON, repeats a key within an object (parsers disagree which one
 * counts), or uses a key that means something to JavaScript itself.
 */
export function parseStrictJson(text: string): unknown {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  return countKeysInText(text) === countKeysInValue(value) ? value : undefined
}

/** How many strings in a well-formed JSON text are keys, that is, are followed by a colon. */
function countKeysInText(text: string): number {
  let keys = 0
  for (let open = text.indexOf('"'); open >= 0; ) {
    const close = endOfString(text, open)
    let next = close + 1
    while (text.charCodeAt(next) <= 32) next++
    if (text[next] === ':') keys++
    open = text.indexOf('"', close + 1)
  }
  return keys
}

function endOfString(text: string, open: number): number {
  for (let close = text.indexOf('"', open + 1); ; close = text.indexOf('"', close + 1)) {
    let backslashes = 0
    while (text[close - 1 - backslashes] === '\\') backslashes++
    if (backslashes % 2 === 0) return close
  }
}

const FORBIDDEN = new Set(['__proto__', 'constructor', 'prototype'])

/** How many keys the value has at all depths; never equal to a count of text when one of them is forbidden. */
function countKeysInValue(value: unknown): number {
  let keys = 0
  for (const pending = [value]; pending.length > 0; ) {
    const current = pending.pop()
    if (typeof current !== 'object' || current === null) continue
    if (Array.isArray(current)) {
      for (const item of current) pending.push(item)
      continue
    }
    for (const key of Object.keys(current)) {
      if (FORBIDDEN.has(key)) return -1
      keys++
      pending.push((current as Record<string, unknown>)[key])
    }
  }
  return keys
}
