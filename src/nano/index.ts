/** Nano as mathematics: amounts, accounts, keys, blocks, work and signed messages. No I/O, no clock. */
export { addressToPublicKey, type NanoAddress, nanoAddress, publicKeyToAddress } from './account.ts'
export {
  blockSigner,
  blockToJson,
  hashBlock,
  isSignedByAccount,
  type LegacyBlock,
  type ParsedBlock,
  parseBlock,
  type StateBlock,
  type StateBlockContent,
  type StateBlockJson,
  signBlock,
  workRoot,
} from './block.ts'
export {
  type BlockHash,
  blockHash,
  type PrivateKey,
  type PublicKey,
  privateKey,
  publicKey,
  type Signature,
  signature,
  type Work,
  work,
  ZERO_HASH,
} from './hex.ts'
export { derivePrivateKey, derivePublicKey, signHash, verifyHash } from './keys.ts'
export { messageDigest, signMessage, verifyMessage } from './message.ts'
export { formatXno, MAX_RAW, parseRaw, parseXno, type Raw, raw } from './raw.ts'
export { formatPaymentUri, type PaymentUri, parsePaymentUri } from './uri.ts'
export { generateWork, isValidWork, WORK_THRESHOLDS, type WorkThresholds, workDifficulty } from './work.ts'
