/** The ways to pay that options name. */
import type { Mechanism } from '../core/mechanism.ts'
import { WORK_THRESHOLDS } from '../nano/index.ts'
import type { Network } from '../rpc/index.ts'
import type { ExactOptions } from './exact.ts'
import type { MechanismName } from './names.ts'
import { sessionMechanism } from './session/session.ts'
import { signatureMechanism } from './signature/signature.ts'
import { signedBlockMechanism } from './signed-block/signed-block.ts'

interface OpenOptions extends ExactOptions {
  readonly network: Network
}

const BUILT_IN: Readonly<Record<MechanismName, (options: OpenOptions) => Mechanism>> = {
  session: sessionMechanism,
  signature: signatureMechanism,
  'signed-block': (options) => signedBlockMechanism({ ...options, sendWork: WORK_THRESHOLDS[options.network].send }),
}

/** Each mechanism that is named, made over the ledger; objects are taken as they are. Default: the session mechanism alone. */
export const openMechanisms = (
  mechanisms: readonly (MechanismName | Mechanism)[] = ['session'],
  options: OpenOptions,
): readonly Mechanism[] =>
  mechanisms.map((mechanism) => (typeof mechanism === 'string' ? BUILT_IN[mechanism](options) : mechanism))
