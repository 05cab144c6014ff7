/** A contract suite is a list of cases, so that any test runner can run it: `for (const { name, run } of suite) test(name, run)`. */
export interface ContractCase {
  /** A sentence that the implementation makes true. */
  readonly name: string
  /** Rejects, saying what was expected and what came, when it does not. */
  run(): Promise<void>
}
