/** Where every devnet begins: the genesis of Nano's `dev` network. Its private key is public, in the node's source. */
import { type BlockHash, type NanoAddress, nanoAddress, type PrivateKey } from '../nano/index.ts'
import { type Block, decodeBlock, type LegacyOpen } from './block.ts'

/** The first block of Nano's `dev` network, by which a client tells `nano:devnet` from other networks. */
export const DEVNET_GENESIS_HASH = '04270D7F11C4B2B472F2854C5A59F2A7E84226CE9ED799DE75744BD7D85FC9D9' as BlockHash

/** The account that holds everything at first. */
export const DEVNET_GENESIS_ACCOUNT: NanoAddress = nanoAddress(
  'nano_3e3j5tkog48pnny9dmfzj1r16pg8t1e76dz5tmac6iq689wyjfpiij4txtdo',
)

/** Everybody knows this key: it is worth nothing on any network but a devnet. */
export const DEVNET_GENESIS_KEY = '34F0A37AAD20F4A260F0A5B3CB3D7FB50673212263E58A380BC10474BB039CE4' as PrivateKey

/** All there is. */
export const SUPPLY = 340282366920938463463374607431768211455n

function block(fields: Readonly<Record<string, string>>): Block {
  const decoded = decodeBlock(fields)
  if (!decoded) throw new Error('A built-in block is not one.')
  return decoded
}

export const GENESIS_BLOCK = block({
  type: 'open',
  source: 'B0311EA55708D6A53C75CDBF88300259C6D018522FE3D4D0A242E431F9E8B6D0',
  representative: DEVNET_GENESIS_ACCOUNT,
  account: DEVNET_GENESIS_ACCOUNT,
  work: '7b42a00ee91d5810',
  signature:
    'ECDA914373A2F0CA1296475BAEE40500A7F0A7AD72A5A80C81D7FAB7F6C802B2CC7DB50F5DD0FB25B2EF11761FA7344A158DD5A700B21BD47DE5BD0F63153A02',
}) as LegacyOpen

/** Links that make a state block an upgrade of its account, signed by the genesis key. */
export const EPOCH_LINKS: ReadonlyMap<string, 1 | 2> = new Map([
  ['65706F636820763120626C6F636B000000000000000000000000000000000000', 1],
  ['65706F636820763220626C6F636B000000000000000000000000000000000000', 2],
])

/** The two upgrades after which genesis, and whoever it pays, has the work thresholds of today. */
export const EPOCH_BLOCKS: readonly Block[] = [
  block({
    type: 'state',
    account: DEVNET_GENESIS_ACCOUNT,
    previous: DEVNET_GENESIS_HASH,
    representative: DEVNET_GENESIS_ACCOUNT,
    balance: SUPPLY.toString(),
    link: '65706F636820763120626C6F636B000000000000000000000000000000000000',
    signature:
      'DA3FADBEAEE77A4B1E3A57DB5AAD86A9CD0C6E375B278691376E07E698D64ABC5710E5C8724048F6791E3D2A276755A5E83DDF200B518F9231161A0F1F2AC903',
    work: '6ac014a5186c7490',
  }),
  block({
    type: 'state',
    account: DEVNET_GENESIS_ACCOUNT,
    previous: '73FE787B09A48954FE7FA453ACE650FE63F46E097B01BDC6DBD67278EEA08FC4',
    representative: DEVNET_GENESIS_ACCOUNT,
    balance: SUPPLY.toString(),
    link: '65706F636820763220626C6F636B000000000000000000000000000000000000',
    signature:
      '8AD459520EFA40CFB8D99832F8BF324BEC65077ED960AF5992B9795F3D0CE3615762905F6192E6102F9C23094231C613112CDFCDDDA7D4AC5BBE37F5A819F909',
    work: 'ad629cf834088473',
  }),
]
