/** An issuer's ledger that does one thing and kills itself with -9 on the way: started by book.test.ts. */
import { writeSync } from 'node:fs'
import { nanoAddress, privateKey, WORK_THRESHOLDS } from 'nano402/nano'
import { createRpc } from 'nano402/rpc'
import { sqliteStore } from 'nano402/stores/sqlite'
import { createPayouts } from '../../src/custody/payouts.ts'
import { createBook } from '../../src/issuer/book.ts'
import { createWorkSource } from '../../src/wallet/work.ts'

const { NODE_URL = '', PRIVATE_KEY = '', STORE = '', ACT = '', AT = '', CHANNEL = '', ADDRESS = '' } = process.env

const opened = await sqliteStore(STORE)
let writes = 0
const store: typeof opened = {
  ...opened,
  async write(...record) {
    writes++
    const done = await opened.write(...record)
    if (writes === Number(AT)) {
      writeSync(1, 'about to be killed\n')
      process.kill(process.pid, 'SIGKILL')
    }
    return done
  },
}
const node = createRpc({ endpoints: [NODE_URL] })
const work = createWorkSource('cpu', node, WORK_THRESHOLDS['nano:devnet'])
const payouts = createPayouts({ key: privateKey(PRIVATE_KEY), node, work, store, leaseMs: 100 })
const book = createBook({ store, payouts })
if (ACT === 'settle') await book.settle(CHANNEL, { charged: 40n })
if (ACT === 'withdraw') {
  const address = nanoAddress(ADDRESS)
  await book.withdraw(address, { id: 'withdrawal', amount: 70n })
  await book.payOut(address)
}
