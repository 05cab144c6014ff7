declare const brand: unique symbol
/** A value that went through the one function that checks it. Costs nothing at run time. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name }
