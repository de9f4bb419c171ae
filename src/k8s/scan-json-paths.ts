/**
 * The set of paths a JSON scanner looks for, as a tree flattened into typed arrays.
 *
 * Built once per scanner, read for every member of every object that lies on a path. A node is a number;
 * node 0 is the root. Members are matched by bytes at their own depth, so a `nodeName` inside an annotation or
 * a pod template is never taken for `spec.nodeName`.
 */

import { decodeString } from './scan-json-text.ts';

interface Node {
  readonly children: Map<string, Node>;
  role: number;
  field: number;
}

/** A path with the meaning its value has for the scanner. */
export interface RolePath {
  readonly path: readonly string[];
  readonly role: number;
}

/** No such member, or a node without that property: NOT_FOUND of JsonPaths.child and JsonPaths.fields. */
const NONE = -1;

export class JsonPaths {
  /** Meaning of a node's value; 0 when it is only on the way to others. */
  readonly roles: Uint8Array;
  /** Index of the selectable field a node's value is, or NONE. */
  readonly fields: Int16Array;

  /** Bit n is set when a child's key has n bytes (31: or more): most foreign keys are told by their length. */
  readonly #lengths: Int32Array;
  readonly #heads: Int32Array;
  readonly #firstChild: Uint16Array;
  readonly #childCount: Uint16Array;
  readonly #keyStart: Uint16Array;
  readonly #keyLength: Uint16Array;
  readonly #keyBytes: Uint8Array;

  /** @throws RangeError when two fields have one path, or a path is empty. */
  constructor(roles: readonly RolePath[], fields: readonly (readonly string[])[]) {
    const root = newNode();
    for (const { path, role } of roles) nodeAt(root, path).role = role;
    for (const [index, path] of fields.entries()) {
      const node = nodeAt(root, path);
      if (path.length === 0 || node.field !== NONE) {
        throw new RangeError(`field path ${JSON.stringify(path)} is empty or listed twice`);
      }
      node.field = index;
    }
    // Breadth first: the children of one node get consecutive numbers.
    const nodes: Node[] = [root];
    const keys: string[] = [''];
    const firstChild: number[] = [];
    for (let n = 0; n < nodes.length; n++) {
      firstChild.push(nodes.length);
      for (const [key, child] of nodes[n].children) {
        nodes.push(child);
        keys.push(key);
      }
    }
    const encoded = keys.map((key) => Buffer.from(key));
    let place = 0;
    this.roles = Uint8Array.from(nodes, (node) => node.role);
    this.fields = Int16Array.from(nodes, (node) => node.field);
    this.#firstChild = Uint16Array.from(firstChild);
    this.#childCount = Uint16Array.from(nodes, (node) => node.children.size);
    this.#keyLength = Uint16Array.from(encoded, (key) => key.length);
    this.#keyStart = Uint16Array.from(encoded, (key) => (place += key.length) - key.length);
    this.#heads = Int32Array.from(encoded, headOf);
    this.#lengths = Int32Array.from(nodes, (node) =>
      [...node.children.keys()].reduce((bits, key) => bits | lengthBit(Buffer.byteLength(key)), 0),
    );
    this.#keyBytes = new Uint8Array(Buffer.concat(encoded));
  }

  hasChildren(node: number): boolean {
    return this.#childCount[node] > 0;
  }

  /**
   * The child of `node` whose key is the bytes [start, end) between two quotes, which hold no escape; NONE when there is
   * none. Foreign keys are told by their length or by their first three bytes; read with the quote before them, four
   * bytes are always there.
   */
  child(node: number, view: DataView, start: number, end: number): number {
    const length = end - start;
    if ((this.#lengths[node] & lengthBit(length)) === 0) return NONE;
    const head = length < HEAD_BYTES ? 0 : view.getInt32(start - 1, true);
    const first = this.#firstChild[node];
    const last = first + this.#childCount[node];
    for (let candidate = first; candidate < last; candidate++) {
      if (this.#heads[candidate] !== head || this.#keyLength[candidate] !== length) continue;
      const keyStart = this.#keyStart[candidate];
      let k = head === 0 ? 0 : HEAD_BYTES;
      while (k < length && this.#keyBytes[keyStart + k] === view.getUint8(start + k)) k++;
      if (k === length) return candidate;
    }
    return NONE;
  }

  /** The same for a key that is written with escapes; allocates. */
  childOfEscaped(node: number, bytes: Uint8Array, start: number, end: number): number {
    const key = Buffer.from(`"${decodeString(bytes, start, end)}"`);
    return this.child(
      node,
      new DataView(key.buffer, key.byteOffset, key.length),
      1,
      key.length - 1,
    );
  }
}

/** Bytes of a key that are compared as one number with the quote before them. */
const HEAD_BYTES = 3;

/** The quote and the first three bytes of a key, little-endian; 0 for shorter keys. */
function headOf(key: Buffer): number {
  return key.length < HEAD_BYTES ? 0 : Buffer.concat([QUOTE_BYTE, key]).readInt32LE(0);
}

const QUOTE_BYTE = Buffer.from('"');

function lengthBit(length: number): number {
  return 1 << (length < 31 ? length : 31);
}

function newNode(): Node {
  return { children: new Map(), role: 0, field: NONE };
}

function nodeAt(root: Node, path: readonly string[]): Node {
  let node = root;
  for (const key of path) {
    let child = node.children.get(key);
    if (child === undefined) {
      child = newNode();
      node.children.set(key, child);
    }
    node = child;
  }
  return node;
}
