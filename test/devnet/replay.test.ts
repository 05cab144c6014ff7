import { beforeAll, describe, expect, test } from 'vitest'
import { differences, notPlayed } from './differences.ts'
import { isRawHttp, numberOf, recordings } from './recordings.ts'
import { type Replayed, replay } from './replay.ts'

let replayed: ReadonlyMap<string, Replayed>
beforeAll(async () => {
  replayed = new Map((await replay()).map((one) => [one.recording.file, one]))
})

const got = (file: string) => replayed.get(file)?.got

describe('played in order, the devnet answers as the node did', () => {
  for (const recording of recordings) {
    const { file, response, note } = recording
    if (file in notPlayed || file in differences || response === null || isRawHttp(recording)) continue
    test(`${file} ${note}`, () => {
      const one = replayed.get(file)
      expect(one?.got).toEqual(one?.expected)
      expect(JSON.stringify(one?.got), 'the order of fields').toBe(JSON.stringify(one?.expected))
    })
  }

  test('every difference listed is one', () => {
    const equal = Object.keys(differences).filter((file) => {
      const one = replayed.get(file)
      return !one || JSON.stringify(one.got) === JSON.stringify(one.expected)
    })
    expect(equal).toEqual([])
  })

  test('every recording was played, or is listed as not played, or belongs to http.test.ts', () => {
    const unplayed = recordings.filter((one) => !replayed.has(one.file) && !isRawHttp(one)).map(({ file }) => file)
    expect(unplayed).toEqual(Object.keys(notPlayed).filter((file) => file !== '462-http-api-v2'))
  })
})

describe('where the answer of the node is not known, ours follows its neighbours', () => {
  const GENESIS = 'nano_3e3j5tkog48pnny9dmfzj1r16pg8t1e76dz5tmac6iq689wyjfpiij4txtdo'
  const A = 'nano_1kh8gfgozo13f1frniygrnnbo3qhrop1abap68ihziag5rw8okoewwixotwg'
  const SUPPLY = '340282366920938463463374607431768211455'
  const known: Readonly<Record<string, unknown>> = {
    '022-genesis-account_info-all': {
      weight: SUPPLY,
      confirmed_height: '1',
      confirmed_representative: GENESIS,
      confirmed_pending: '0',
    },
    '030-accounts_frontiers-mixed': { errors: { [A]: 'Account not found', nano_bad: 'Bad account number' } },
    '041-account_get': { account: A },
    '046-account_balance-account-empty': { error: 'Bad account number' },
    '064-blocks_info-unknown': { error: 'Block not found' },
    '065-blocks_info-unknown-include_not_found': { blocks_not_found: ['AB'.repeat(32)] },
    '073-active_difficulty-include_trend': { multiplier: '1', difficulty_trend: ['1.000000000000000'] },
    '074-block_count': { count: '1', unchecked: '0', cemented: '1' },
    '081-representatives': { representatives: { [GENESIS]: SUPPLY } },
    '082-representatives_online': { representatives: '' },
    '083-confirmation_quorum': { online_stake_total: '0', quorum_delta: '40200000000000000000000000000000000000' },
    '094-work_generate-bad-hash': { error: 'Invalid block hash' },
    '097-work_validate-receive-only': { valid_all: '0', valid_receive: '1' },
    '099-work_validate-invalid-difficulty': { valid: '0', valid_all: '0', valid_receive: '0' },
    '102-work_validate-missing-work': { valid_all: '0', difficulty: 'a6fb105d0578322d' },
    '115-block_info-send-unconfirmed': { confirmed: 'false', subtype: 'send', height: '5' },
    '116-block_info-send-unconfirmed-string': {
      confirmed: 'false',
      contents: expect.stringMatching(/^\{\n {4}"type": "state"/),
    },
    '125-receivable_exists-unconfirmed-all': { exists: '1' },
    '148-block_confirm-unconfirmed': { started: '1' },
    '162-receivable_exists-of-receive-block': { exists: '0' },
    '175-accounts_receivable': {
      blocks: {
        [A]: {
          F30B0FA1DFEBB7FC0ED2A629A64676BDA97CBBB5875B3553235E73519FFB0D98: {
            amount: '1000000000000000000000000000001',
            source: GENESIS,
          },
        },
      },
    },
    '210-account_history-genesis-raw': { account: GENESIS },
    '218-accounts_frontiers': { frontiers: expect.objectContaining({ [A]: expect.stringMatching(/^3A6169/) }) },
    '226-account_info-C-unopened-with-receivables': { error: 'Account not found' },
    '293-block_info-after-lowercase-xrb': { confirmed: 'true', amount: '10' },
    '315-account_info-A-confirmed_height': { block_count: '10' },
    '321-republish': { success: '' },
    '369-receivable-locked-default': { blocks: [expect.stringMatching(/^DB5754/)] },
    '399-doublespend-block_info-2': { error: 'Block not found' },
    '409-b-block_info-not-synced': { error: 'Block not found' },
    '415-b-block_info-h3': { confirmed: 'true', height: '3' },
    '426-b-control-disabled-block_confirm': { started: '1' },
    '428-b-control-disabled-work_validate': { valid_all: '0', valid_receive: '0' },
  }
  for (const [file, answer] of Object.entries(known)) {
    test(file, () => expect(got(file)).toMatchObject(answer as object))
  }

  test('the raw history of genesis ends with the blocks of every old kind', () => {
    const { history } = got('210-account_history-genesis-raw') as { history: Record<string, string>[] }
    expect(history.slice(-4).map(({ type, subtype }) => subtype ?? type)).toEqual(['epoch', 'epoch', 'send', 'open'])
    expect(history.at(-2)).toMatchObject({ destination: expect.any(String), balance: expect.stringMatching(/^\d+$/) })
  })

  test('blocks_info of a chain that nobody votes on says that none of it is confirmed', () => {
    const { blocks } = got('366-blocks_info-unconfirmed-chain-while-locked') as {
      blocks: Record<string, { confirmed: string }>
    }
    expect(Object.values(blocks).map(({ confirmed }) => confirmed)).toEqual(['false', 'false', 'false'])
  })

  test('active elections alone do not make an unconfirmed receivable visible', () => {
    expect(got('447-partial-receivable-A-include_active-only')).toEqual(got('443-partial-receivable-A-default'))
  })
})

test('the recordings are complete', () => expect(recordings.map(numberOf)).toEqual(recordings.map((_, i) => i + 1)))
