// What a judge says of one record.

import type { Violation } from './records.ts';

export interface Verdict {
  readonly violations: readonly Violation[];
  /** Objects and events compared with the truth. */
  readonly judged: number;
  /** Events up to the truth's head that were not shown; Infinity before the initial objects end. */
  readonly outstanding: number;
}

/** 410: the revision is no longer held. 504: one that is far ahead does not come. */
export function isAllowedError(code: number): boolean {
  return code === 410 || code === 504;
}
