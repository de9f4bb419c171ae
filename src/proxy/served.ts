/** What a serve function says: it answered, or the request must go upstream. Nothing was sent in the second case. */
export interface NotServed {
  readonly kind: 'not-served';
  /** A constant text, fit for a metric label. */
  readonly reason: string;
}

export type Served<T = undefined> = { readonly kind: 'served'; readonly value: T } | NotServed;

export function notServed(reason: string): NotServed {
  return { kind: 'not-served', reason };
}
