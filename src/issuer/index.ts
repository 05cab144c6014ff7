/** An issuer of channels, and what clients and vendors ask of it: `nano402/issuer`. */
export {
  type Certificate,
  type CertificateRefusal,
  type CertificateRules,
  type CheckCertificate,
  createCertificateCheck,
  readCertificate,
} from '../channel/certificate.ts'
export type { ChannelConfig, ChannelId, PayWordConfig, VoucherConfig } from '../channel/config.ts'
export type { LastProof, Release } from '../channel/wire.ts'
export { type IssuerAppOptions, issuerApp } from './app.ts'
export {
  type AccountView,
  createIssuerClient,
  type IssuerClient,
  type IssuerClientOptions,
  type StatementLine,
} from './ask.ts'
export type { Audit, Owed } from './audit.ts'
export type { Caller } from './callers.ts'
export { ISSUER_CODES, type IssuerCode, type RefusedByIssuer } from './codes.ts'
export { createIssuer, type Issuer } from './issuer.ts'
export type { IssuerOptions } from './options.ts'
export { accountSigner, type Signer, sessionSigner, signRelease } from './request.ts'
export type { ChannelView, IssuerInfo, WithdrawalView } from './views.ts'
