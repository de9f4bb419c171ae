/**
 * The fields a protobuf scanner looks for below an object, as a tree flattened into one table.
 *
 * Built once per scanner, asked for every field of every message that lies on a path. A node is a number; node 0 is the
 * object itself.
 */
import type { FieldKind, ProtobufField } from './protobuf-fields.ts';

/** Field numbers on paths are below this; the ones of Kubernetes are below 20. */
const MAX_NUMBER = 64;
const MAX_NODES = 256;

const NONE = -1;

export const KIND_STRING = 1;
export const KIND_BOOL = 2;
export const KIND_INT = 3;
const KINDS: Readonly<Record<FieldKind, number>> = {
  string: KIND_STRING,
  bool: KIND_BOOL,
  int: KIND_INT,
};

/** Field number of an object's metadata; no path goes through it. */
const METADATA = 1;

export class ProtobufPaths {
  /** Index of the selectable field a node is, or -1 for a message on the way to one. */
  readonly fields: Int16Array;
  /** How a field's value is written; 0 for a message on the way. */
  readonly kinds: Uint8Array;
  readonly #children: Uint8Array;

  /** @throws RangeError when two fields have one path, one lies below another, or a number cannot be told. */
  constructor(fields: readonly ProtobufField[]) {
    const children: Uint8Array[] = [new Uint8Array(MAX_NUMBER)];
    const leaves: number[] = [NONE];
    const kinds: number[] = [0];
    for (const [index, { numbers, kind }] of fields.entries()) {
      const bad = numbers.some((n) => !Number.isInteger(n) || n < 1 || n >= MAX_NUMBER);
      if (bad || numbers.length === 0 || numbers[0] === METADATA) {
        throw new RangeError(`field path ${numbers.join('.')} cannot be scanned for`);
      }
      let node = 0;
      for (const number of numbers) {
        let child = children[node][number];
        if (child === 0) {
          child = children.length;
          if (child >= MAX_NODES) throw new RangeError('too many field paths');
          children[node][number] = child;
          children.push(new Uint8Array(MAX_NUMBER));
          leaves.push(NONE);
          kinds.push(0);
        }
        if (leaves[node] !== NONE) throw new RangeError('a field lies below another one');
        node = child;
      }
      if (leaves[node] !== NONE || children[node].some((child) => child !== 0)) {
        throw new RangeError(
          `field path ${numbers.join('.')} is listed twice, or has others below`,
        );
      }
      leaves[node] = index;
      kinds[node] = KINDS[kind];
    }
    this.fields = Int16Array.from(leaves);
    this.kinds = Uint8Array.from(kinds);
    this.#children = new Uint8Array(children.length * MAX_NUMBER);
    for (const [node, row] of children.entries()) this.#children.set(row, node * MAX_NUMBER);
  }

  /** The node of a field of a message; 0 when nobody looks for it. */
  child(node: number, number: number): number {
    return number < MAX_NUMBER ? this.#children[node * MAX_NUMBER + number] : 0;
  }
}
