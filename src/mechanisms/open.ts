/** The ways to pay that options name. */
import type { Mechanism } from '../core/mechanism.ts'
import { type SessionOptions, sessionMechanism } from './session/session.ts'

/** A way to pay by its name. */
export type MechanismName = 'session'

/** Each mechanism that is named, made over the ledger; objects are taken as they are. Default: the session mechanism alone. */
export const openMechanisms = (
  mechanisms: readonly (MechanismName | Mechanism)[] = ['session'],
  options: SessionOptions,
): readonly Mechanism[] =>
  mechanisms.map((mechanism) => (mechanism === 'session' ? sessionMechanism(options) : mechanism))
