/*! zod: MIT License, Copyright (c) 2025 Colin McDonnell, https://github.com/colinhacks/zod */
/**
 * The part of zod that is used here. The build puts it into this one file: `zod/mini` is 91 modules with the messages of
 * fifty languages, which takes every import of this package 55 ms.
 */
export {
  array,
  bigint,
  boolean,
  custom,
  enum,
  gte,
  int,
  literal,
  lte,
  minLength,
  nonnegative,
  number,
  object,
  optional,
  record,
  regex,
  strictObject,
  string,
  union,
  unknown,
  type ZodMiniType,
} from 'zod/mini'
