/** Interleaved rounds: in each, every subject handles one batch, so that noise hits all the same. */

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Framework } from './frameworks.ts'
import type { Scenario, Subject } from './subject.ts'

/** One line of the result. CPU is of the whole process, garbage collection and compilation included. */
export interface Row {
  readonly framework: Framework['name']
  readonly scenario: Scenario
  readonly subject: string
  /** One after the other on one thread, by the clock: the median of the rounds. */
  readonly requestsPerSecond: number
  /** CPU time of one request in microseconds: the median of the rounds. */
  readonly cpuMicros: number
  /** What the subject adds to the bare route: the median of the differences within each round. */
  readonly addedCpuMicros: number
}

export interface Size {
  readonly rounds: number
  /** Rounds before those that count, in which the engine compiles. */
  readonly warmUps: number
  /** Requests in a batch; a tenth as many go before them untimed, because each batch has an application of its own. */
  readonly counts: Readonly<Record<Scenario, number>>
}

interface Sample {
  readonly cpuMicros: number
  readonly wallMicros: number
}

setFlagsFromString('--expose-gc')
/** Collects all garbage now. */
export const collectGarbage = runInNewContext('gc') as () => void

export async function measure(
  framework: Framework,
  scenario: Scenario,
  subjects: readonly Subject[],
  { rounds, warmUps, counts }: Size,
): Promise<readonly Row[]> {
  const samples = new Map<string, Sample[]>(subjects.map(({ name }) => [name, []]))
  for (let round = 0; round < warmUps + rounds; round++) {
    const turn = round % subjects.length
    for (const subject of [...subjects.slice(turn), ...subjects.slice(0, turn)]) {
      const sample = await sampleOf(framework, scenario, subject, counts[scenario])
      if (sample && round >= warmUps) samples.get(subject.name)?.push(sample)
    }
  }
  const bare = samples.get('bare') ?? []
  return [...samples]
    .filter(([, own]) => own.length > 0)
    .map(([subject, own]) => ({
      framework: framework.name,
      scenario,
      subject,
      requestsPerSecond: Math.round(1e6 / median(own.map(({ wallMicros }) => wallMicros))),
      cpuMicros: rounded(median(own.map(({ cpuMicros }) => cpuMicros))),
      addedCpuMicros: rounded(median(own.map(({ cpuMicros }, i) => cpuMicros - (bare[i]?.cpuMicros ?? 0)))),
    }))
}

async function sampleOf(
  framework: Framework,
  scenario: Scenario,
  subject: Subject,
  count: number,
): Promise<Sample | undefined> {
  const status = scenario === 'unpaid' && subject.name !== 'bare' ? 402 : 200
  const warmUp = Math.ceil(count / 10)
  const batch = await subject.prepare(scenario, warmUp + count)
  if (!batch) return undefined
  const app = await framework.open(batch.middleware)
  const headers = await batch.headers(app.ask)
  await app.load(headers.slice(0, warmUp), status)()
  const send = app.load(headers.slice(warmUp), status)
  const cpu = process.cpuUsage()
  const startMs = performance.now()
  await send()
  await new Promise(setImmediate) // what the last request left to be done
  const wallMicros = ((performance.now() - startMs) * 1000) / count
  const { user, system } = process.cpuUsage(cpu)
  app.close()
  return { cpuMicros: (user + system) / count, wallMicros }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const half = sorted.length >> 1
  return ((sorted[half] ?? Number.NaN) + (sorted[(sorted.length - 1) >> 1] ?? Number.NaN)) / 2
}

export const rounded = (value: number) => Math.round(value * 10) / 10
