/** The tables of HPACK: the fixed one (RFC 7541 appendix A) and the one a sender fills (2.3.2). */

export interface Field {
  readonly name: string;
  readonly value: string;
}

// prettier-ignore
const STATIC: readonly (readonly [string, string])[] = [
  [':authority', ''], [':method', 'GET'], [':method', 'POST'], [':path', '/'], [':path', '/index.html'], [':scheme', 'http'],
  [':scheme', 'https'], [':status', '200'], [':status', '204'], [':status', '206'], [':status', '304'], [':status', '400'],
  [':status', '404'], [':status', '500'], ['accept-charset', ''], ['accept-encoding', 'gzip, deflate'], ['accept-language', ''],
  ['accept-ranges', ''], ['accept', ''], ['access-control-allow-origin', ''], ['age', ''], ['allow', ''], ['authorization', ''],
  ['cache-control', ''], ['content-disposition', ''], ['content-encoding', ''], ['content-language', ''], ['content-length', ''],
  ['content-location', ''], ['content-range', ''], ['content-type', ''], ['cookie', ''], ['date', ''], ['etag', ''], ['expect', ''],
  ['expires', ''], ['from', ''], ['host', ''], ['if-match', ''], ['if-modified-since', ''], ['if-none-match', ''], ['if-range', ''],
  ['if-unmodified-since', ''], ['last-modified', ''], ['link', ''], ['location', ''], ['max-forwards', ''],
  ['proxy-authenticate', ''], ['proxy-authorization', ''], ['range', ''], ['referer', ''], ['refresh', ''], ['retry-after', ''],
  ['server', ''], ['set-cookie', ''], ['strict-transport-security', ''], ['transfer-encoding', ''], ['user-agent', ''], ['vary', ''],
  ['via', ''], ['www-authenticate', ''],
];

/** By index, from 1. */
export const STATIC_FIELDS: readonly Field[] = STATIC.map(([name, value]) => ({ name, value }));

/** What a field takes in a table or a list (RFC 7541 4.1, RFC 9113 6.5.2). */
export function fieldBytes(name: string, value: string): number {
  return name.length + value.length + 32;
}

export class DynamicTable {
  /** The newest last. */
  readonly #fields: Field[] = [];
  #bytes = 0;
  #maxBytes: number;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** By age; 0 is the newest. */
  at(age: number): Field | undefined {
    return this.#fields[this.#fields.length - 1 - age];
  }

  /** A field that is larger than the table empties it (RFC 7541 4.4). */
  add(field: Field): void {
    const bytes = fieldBytes(field.name, field.value);
    this.#evict(this.#maxBytes - bytes);
    if (bytes > this.#maxBytes) return;
    this.#fields.push(field);
    this.#bytes += bytes;
  }

  resize(maxBytes: number): void {
    this.#maxBytes = maxBytes;
    this.#evict(maxBytes);
  }

  #evict(maxBytes: number): void {
    while (this.#fields.length > 0 && this.#bytes > maxBytes) {
      const { name, value } = this.#fields.shift()!;
      this.#bytes -= fieldBytes(name, value);
    }
  }
}
