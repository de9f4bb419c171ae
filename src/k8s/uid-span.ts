/**
 * Where the UID of a stored object is. Entries do not say, because only shard selectors ask. In every shape that upstream
 * prints, the UID stands right beside the resourceVersion, whose place is known:
 *
 *   JSON, struct order   ,"uid":"<36 characters>","resourceVersion":"<revision>"
 *   JSON, sorted keys    "resourceVersion":"<revision>","uid":"<36 characters>"
 *   protobuf             2a 24 <36 characters> 32 n <revision>
 *
 * Anything else is scanned as a whole.
 */
import type { Codec, Scanner, StoredObject } from './encoding.ts';

const UUID_BYTES = 36;
const UID_KEY = Buffer.from('"uid":"');
const BEFORE_REVISION = Buffer.from('","resourceVersion":"');
const BEHIND_REVISION = Buffer.from('","uid":"');
const TAG_UID = 0x2a;
const TAG_REVISION = 0x32;

export class UidSpan {
  start = 0;
  end = 0;
  readonly #codec: Codec;
  readonly #isJson: boolean;
  #scanner: Scanner | undefined;

  constructor(codec: Codec) {
    this.#codec = codec;
    this.#isJson = codec.encoding.name === 'json';
  }

  /** Points at the UID of an object under its own revision; at nothing (an empty span) when it has none. */
  find(object: StoredObject): void {
    if (this.#isJson ? this.#besideInJson(object) : this.#besideInProtobuf(object)) return;
    this.#scanner ??= this.#codec.makeScanner();
    const scanner = this.#scanner;
    const isFound = scanner.scanItem(object.bytes, object.start, object.end);
    this.start = isFound ? scanner.uidStart : 0;
    this.end = isFound ? scanner.uidEnd : 0;
  }

  #besideInJson({ bytes, revisionStart, revisionEnd, start, end }: StoredObject): boolean {
    const before = revisionStart - BEFORE_REVISION.length - UUID_BYTES;
    if (
      before - UID_KEY.length > start &&
      holds(bytes, before - UID_KEY.length, UID_KEY) &&
      holds(bytes, before + UUID_BYTES, BEFORE_REVISION)
    ) {
      return this.#take(bytes, before);
    }
    const behind = revisionEnd + BEHIND_REVISION.length;
    const fits = behind + UUID_BYTES < end && bytes[behind + UUID_BYTES] === QUOTE;
    return fits && holds(bytes, revisionEnd, BEHIND_REVISION) && this.#take(bytes, behind);
  }

  #besideInProtobuf({ bytes, revisionStart, start }: StoredObject): boolean {
    const at = revisionStart - 2 - UUID_BYTES;
    if (at - 2 < start || bytes[revisionStart - 2] !== TAG_REVISION) return false;
    if (bytes[at - 1] !== UUID_BYTES || bytes[at - 2] !== TAG_UID) return false;
    return this.#take(bytes, at);
  }

  #take(bytes: Uint8Array, at: number): boolean {
    for (let i = at; i < at + UUID_BYTES; i++) if (!isUuidByte(bytes[i])) return false;
    this.start = at;
    this.end = at + UUID_BYTES;
    return true;
  }
}

const QUOTE = 0x22;

function isUuidByte(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x66) || byte === 0x2d;
}

function holds(bytes: Uint8Array, at: number, expected: Buffer): boolean {
  for (let i = 0; i < expected.length; i++) if (bytes[at + i] !== expected[i]) return false;
  return true;
}
