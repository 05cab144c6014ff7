/** What a command of `nano402` is. One file each; main.ts lists them. */
export interface Command {
  /** One line for the list of commands. */
  readonly summary: string
  /** All that `--help` prints. */
  readonly help: string
  /** Runs with the arguments after the command's name. Resolves, when it is over, to its exit status. @throws {@link UsageError} */
  run(args: readonly string[]): Promise<number>
}

/** The command line is wrong. The message says how, and is all that is printed. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** Reads a whole number from an option. @throws {@link UsageError} */
export function wholeNumber(name: string, text: string, most: number): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  if (!(value <= most)) throw new UsageError(`--${name} takes a whole number from 0 to ${most}, not '${text}'.`)
  return value
}
