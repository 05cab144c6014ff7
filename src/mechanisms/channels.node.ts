/** Channels, where there is a process that lives on between requests. Loaded only where they are offered. */
export const loadChannels = () => import('./channel/index.ts')
