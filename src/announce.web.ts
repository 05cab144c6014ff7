/** Says something that whoever starts the process should read. */
export const announce = (text: string): void => {
  // biome-ignore lint/suspicious/noConsole: an edge runtime has no other way to warn
  console.warn(`nano402: ${text}`)
}
