/** Says something that whoever starts the process should read. Node's own way, so it can be silenced or caught. */
export const announce = (text: string): void => process.emitWarning(text, { type: 'nano402' })
