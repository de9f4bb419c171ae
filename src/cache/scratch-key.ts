/**
 * The key of the object at hand, "namespace/name" as bytes, built in one reused buffer. Names with JSON escapes are
 * decoded; Kubernetes names hold none, but nothing here depends on that.
 */
import type { EntryKey, ScannedObject } from './arena.ts';

export interface ScannedKey extends ScannedObject {
  readonly nameStart: number;
  readonly nameEnd: number;
  readonly namespaceStart: number;
  readonly namespaceEnd: number;
  /** Name or namespace holds an escape or a byte >= 0x80. */
  readonly escaped: boolean;
}

const SLASH = 0x2f;
const FIRST_BYTES = 1024;

export class ScratchKey implements EntryKey {
  bytes = Buffer.alloc(FIRST_BYTES);
  length = 0;
  namespaceLength = 0;

  set(source: Uint8Array, scan: ScannedKey): void {
    if (scan.escaped) {
      this.#setText(
        decode(source, scan.namespaceStart, scan.namespaceEnd),
        decode(source, scan.nameStart, scan.nameEnd),
      );
      return;
    }
    const namespaceLength = scan.namespaceEnd - scan.namespaceStart;
    const nameLength = scan.nameEnd - scan.nameStart;
    this.#reserve(namespaceLength + nameLength + 1);
    const bytes = this.bytes;
    let at = 0;
    for (let i = scan.namespaceStart; i < scan.namespaceEnd; i++) bytes[at++] = source[i];
    if (namespaceLength > 0) bytes[at++] = SLASH;
    for (let i = scan.nameStart; i < scan.nameEnd; i++) bytes[at++] = source[i];
    this.length = at;
    this.namespaceLength = namespaceLength;
  }

  /** Takes a finished key whose namespace length does not matter. */
  copy(source: Uint8Array, start: number, length: number): void {
    this.#reserve(length);
    for (let i = 0; i < length; i++) this.bytes[i] = source[start + i];
    this.length = length;
    this.namespaceLength = 0;
  }

  #setText(namespace: Buffer, name: Buffer): void {
    this.#reserve(namespace.length + name.length + 1);
    let at = namespace.copy(this.bytes);
    if (namespace.length > 0) this.bytes[at++] = SLASH;
    at += name.copy(this.bytes, at);
    this.length = at;
    this.namespaceLength = namespace.length;
  }

  #reserve(length: number): void {
    if (length > this.bytes.length) this.bytes = Buffer.alloc(length * 2);
  }
}

function decode(source: Uint8Array, start: number, end: number): Buffer {
  const text = Buffer.from(source.buffer, source.byteOffset + start, end - start).toString('utf8');
  return Buffer.from(String(JSON.parse(`"${text}"`)));
}
