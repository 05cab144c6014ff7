/** Waiting that can be given up: aborts and deadlines. */
import { NodeUnavailableError } from '../errors.ts'

/** What a caller that gave up is told. Its own reason rides along. */
export const givenUp = (signal: AbortSignal): NodeUnavailableError =>
  new NodeUnavailableError('The question to the Nano node was given up.', { cause: signal.reason })

/** The promise's outcome, or `givenUp` as soon as the signal aborts. The promise itself goes on: others may share it. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  if (signal.aborted) {
    promise.catch(() => {})
    return Promise.reject(givenUp(signal))
  }
  return new Promise((resolve, reject) => {
    const abort = () => reject(givenUp(signal))
    signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

/**
 * Runs a task under a signal that aborts when one of the outer ones does or after `timeoutMs`, and rejects then even if
 * the task does not listen. `late` is the error that the deadline gives.
 */
export async function withDeadline<T>(
  task: (signal: AbortSignal) => Promise<T>,
  options: {
    readonly timeoutMs: number
    readonly late: Error
    readonly signals: readonly (AbortSignal | undefined)[]
  },
): Promise<T> {
  // Not AbortSignal.any: on Node 20 a long-lived signal keeps every signal that was ever made of it.
  const outer = options.signals.filter((signal) => signal !== undefined)
  const inner = new AbortController()
  const abort = () => inner.abort(outer.find((signal) => signal.aborted)?.reason)
  const timer = setTimeout(() => inner.abort(options.late), options.timeoutMs)
  for (const signal of outer) signal.addEventListener('abort', abort, { once: true })
  if (outer.some((signal) => signal.aborted)) abort()
  try {
    return await unlessAborted(inner.signal.aborted ? new Promise<never>(() => {}) : task(inner.signal), inner.signal)
  } catch (error) {
    throw inner.signal.reason === options.late ? options.late : error
  } finally {
    clearTimeout(timer)
    for (const signal of outer) signal.removeEventListener('abort', abort)
    // Whatever the task still has open, such as the rest of a body, ends here.
    inner.abort()
  }
}

/** Lets a process end although this timer is still running, where the platform can. */
export function unref(timer: ReturnType<typeof setTimeout>): void {
  const handle: unknown = timer
  if (typeof handle === 'object' && handle !== null && 'unref' in handle && typeof handle.unref === 'function') {
    handle.unref()
  }
}

/** A promise and what settles it. */
export interface Deferred<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
  readonly reject: (reason: unknown) => void
}

/** `Promise.withResolvers`, which Node 20 lacks. */
export function deferred<T>(): Deferred<T> {
  let resolve: (value: T) => void = () => {}
  let reject: (reason: unknown) => void = () => {}
  const promise = new Promise<T>((...settlers) => {
    ;[resolve, reject] = settlers
  })
  return { promise, resolve, reject }
}
