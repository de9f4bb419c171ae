/**
 * A map whose keys are looked up as byte ranges, so that asking it allocates nothing. Keys are copied on insert; the
 * number of keys is bounded by who inserts (filter groups, distinct field values of live objects).
 */
import { hashBytes } from './key-table.ts';

interface Node<V> {
  readonly key: Buffer;
  value: V;
  next: Node<V> | undefined;
}

/** Map keys stay small integers: larger numbers would be boxed. */
const HASH_MASK = 0x3fffffff;

export class ByteMap<V> {
  readonly #nodes = new Map<number, Node<V>>();
  size = 0;

  get(bytes: Uint8Array, start: number, length: number): V | undefined {
    return this.#find(bytes, start, length)?.value;
  }

  set(key: Uint8Array, value: V): void {
    const found = this.#find(key, 0, key.length);
    if (found !== undefined) {
      found.value = value;
      return;
    }
    const hash = hashBytes(key, 0, key.length) & HASH_MASK;
    this.#nodes.set(hash, { key: Buffer.from(key), value, next: this.#nodes.get(hash) });
    this.size++;
  }

  delete(key: Uint8Array): void {
    const hash = hashBytes(key, 0, key.length) & HASH_MASK;
    let previous: Node<V> | undefined;
    for (let node = this.#nodes.get(hash); node !== undefined; node = node.next) {
      if (equalBytes(node.key, key, 0, key.length)) {
        if (previous !== undefined) previous.next = node.next;
        else if (node.next !== undefined) this.#nodes.set(hash, node.next);
        else this.#nodes.delete(hash);
        this.size--;
        return;
      }
      previous = node;
    }
  }

  #find(bytes: Uint8Array, start: number, length: number): Node<V> | undefined {
    let node = this.#nodes.get(hashBytes(bytes, start, length) & HASH_MASK);
    while (node !== undefined && !equalBytes(node.key, bytes, start, length)) node = node.next;
    return node;
  }
}

export function equalBytes(
  key: Uint8Array,
  bytes: Uint8Array,
  start: number,
  length: number,
): boolean {
  if (key.length !== length) return false;
  for (let i = 0; i < length; i++) if (key[i] !== bytes[start + i]) return false;
  return true;
}

/** Byte-wise order of two ranges, as etcd orders keys: < 0, 0, > 0. */
export function compareRanges(
  a: Uint8Array,
  aStart: number,
  aLength: number,
  b: Uint8Array,
  bStart: number,
  bLength: number,
): number {
  const length = aLength < bLength ? aLength : bLength;
  for (let i = 0; i < length; i++) {
    const difference = a[aStart + i] - b[bStart + i];
    if (difference !== 0) return difference;
  }
  return aLength - bLength;
}
