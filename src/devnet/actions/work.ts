/** Actions about proof of work. */
import { generateWork, WORK_THRESHOLDS, type Work, workDifficulty } from '../../nano/index.ts'
import type { RpcRequest } from '../request.ts'
import { decodeHex } from '../text.ts'
import { type Action, bit } from './action.ts'

const { send: SEND, receive: RECEIVE } = WORK_THRESHOLDS['nano:devnet']
/** A node refuses to search for more than 64 times the work of a send. */
const MAX_MULTIPLIER = 64n
const SPAN = 2n ** 64n

const number = (difficulty: string) => BigInt(`0x${difficulty}`)
const MOST = SPAN - (SPAN - number(SEND)) / MAX_MULTIPLIER

/** How much rarer work of this difficulty is than work of the threshold, as a node prints it. */
export const multiplier = (difficulty: Work): string =>
  (Number(SPAN - number(SEND)) / Number(SPAN - number(difficulty))).toFixed(15)

function difficultyOf(request: RpcRequest): Work | undefined {
  const times = request.optional('multiplier')
  if (times !== undefined) {
    const factor = Number(times)
    if (!(factor > 0)) throw request.refusal('Bad multiplier')
    return (SPAN - BigInt(Math.floor(Number(SPAN - number(SEND)) / factor))).toString(16).padStart(16, '0') as Work
  }
  if (request.optional('difficulty') === undefined) return undefined
  const difficulty = decodeHex(request.text('difficulty'), 16)
  if (difficulty === undefined) throw request.refusal('Bad difficulty')
  return difficulty.toLowerCase() as Work
}

export const workActions: Readonly<Record<string, Action>> = {
  async work_generate(_, request) {
    const hash = request.hash()
    const threshold = difficultyOf(request) ?? SEND
    if (number(threshold) > MOST || threshold < RECEIVE) {
      throw request.refusal('Difficulty above config limit or below publish threshold')
    }
    const work = await generateWork(hash, threshold)
    const difficulty = workDifficulty(hash, work)
    return { hash, work, difficulty, multiplier: multiplier(difficulty) }
  },
  work_validate(_, request) {
    const hash = request.hash()
    const work = decodeHex(request.optional('work') ?? '0', 16)?.toLowerCase() as Work | undefined
    if (work === undefined) throw request.refusal('Bad work')
    const asked = difficultyOf(request)
    const difficulty = workDifficulty(hash, work)
    return {
      ...(asked !== undefined && { valid: bit(difficulty >= asked) }),
      valid_all: bit(difficulty >= SEND),
      valid_receive: bit(difficulty >= RECEIVE),
      difficulty,
      multiplier: multiplier(difficulty),
    }
  },
  active_difficulty: (_, request) => ({
    deprecated: '1',
    network_minimum: SEND,
    network_receive_minimum: RECEIVE,
    network_current: SEND,
    network_receive_current: RECEIVE,
    multiplier: '1',
    ...(request.flag('include_trend') && { difficulty_trend: ['1.000000000000000'] }),
  }),
}
