/** What a serve function says: it answered, or the request must go upstream. Nothing was sent in the second case. */
export interface NotServed {
  readonly kind: 'not-served';
  /** A constant text, fit for a metric label. */
  readonly reason: string;
  /** Asked upstream instead of the caller's own target; only ever a shorter watch of the same thing. */
  readonly target?: string;
}

export type Served<T = undefined> = { readonly kind: 'served'; readonly value: T } | NotServed;

export function notServed(reason: string, target?: string): NotServed {
  return { kind: 'not-served', reason, target };
}
