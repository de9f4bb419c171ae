/**
 * Compares what a lane of whole objects would show as PartialObjectMetadata with upstream's own, byte for byte.
 *
 * An object is compared where the lane holds it at the very revision upstream shows; others have moved on and say nothing.
 * Runs once per list of a lane, over a bounded sample, so strings and buffers do not matter here.
 */
import type { Codec, ObjectForm } from '../k8s/encoding.ts';
import { StoredObject } from '../k8s/encoding.ts';
import { NO_PLACE } from './arena.ts';
import type { Lane } from './lane.ts';

export interface ComparedName {
  readonly namespace: string;
  readonly name: string;
}

export type Compared =
  | { readonly kind: 'equal'; readonly first: ComparedName; readonly reason?: undefined }
  | { readonly kind: 'different'; readonly reason: string }
  /** None of the objects is here at the same revision, or there are none. */
  | { readonly kind: 'nothing'; readonly reason: string };

export class MetadataCut {
  readonly #lane: Lane;
  readonly #form: ObjectForm;
  /** Reads upstream's own PartialObjectMetadata. */
  readonly #codec: Codec;
  readonly #object = new StoredObject();

  constructor(lane: Lane, form: ObjectForm, codec: Codec) {
    this.#lane = lane;
    this.#form = form;
    this.#codec = codec;
  }

  /** @param bytes the body of upstream's PartialObjectMetadataList, all of it or a page. */
  list(bytes: Buffer): Compared {
    const cursor = this.#codec.encoding.makeListCursor();
    const scan = this.#codec.makeScanner();
    let first: ComparedName | undefined;
    cursor.open(bytes, 0, bytes.length);
    while (cursor.next()) {
      const { itemStart, itemEnd } = cursor;
      if (!scan.scanItem(bytes, itemStart, itemEnd)) return different(`an item: ${scan.problem}`);
      const named = this.#find(bytes, scan);
      if (named === undefined) continue;
      const written = Buffer.alloc(this.#form.itemBytes(this.#object, 0));
      this.#form.writeItem(this.#object, 0, written, 0);
      // What stands before an item, its tag and length, is compared with it.
      const start = Math.max(0, itemEnd - written.length);
      if (!written.equals(bytes.subarray(start, itemEnd))) return different(path(named));
      first ??= named;
    }
    if (cursor.problem !== '') return different(`the list: ${cursor.problem}`);
    return first === undefined ? NOTHING : { kind: 'equal', first };
  }

  /** @param bytes the body of a GET. */
  object(bytes: Buffer): Compared {
    const scan = this.#codec.makeScanner();
    if (!scan.scanObject(bytes, 0, bytes.length)) return different(`an object: ${scan.problem}`);
    const named = this.#find(bytes, scan);
    if (named === undefined) return NOTHING;
    const written = Buffer.alloc(this.#form.objectBytes(this.#object));
    this.#form.writeObject(this.#object, written, 0);
    return written.equals(bytes) ? { kind: 'equal', first: named } : different(path(named));
  }

  /** Describes the lane's object of that name; undefined unless it is there at the same revision. */
  #find(bytes: Buffer, scan: ReturnType<Codec['makeScanner']>): ComparedName | undefined {
    // It may have been closed while upstream answered, and holds nothing then.
    if (this.#lane.state.kind === 'closed') return undefined;
    const { encoding } = this.#codec;
    const namespace = encoding.text(bytes, scan.namespaceStart, scan.namespaceEnd);
    const name = encoding.text(bytes, scan.nameStart, scan.nameEnd);
    const place = this.#lane.placeAt(this.#lane.head, namespace, name);
    if (place === NO_PLACE) return undefined;
    const own = this.#lane.describe(place, this.#object);
    const revision = bytes.subarray(scan.revisionStart, scan.revisionEnd);
    const isSame = revision.equals(own.bytes.subarray(own.revisionStart, own.revisionEnd));
    return isSame ? { namespace, name } : undefined;
  }
}

const NOTHING: Compared = { kind: 'nothing', reason: 'no object at the same revision' };

function different(reason: string): Compared {
  return { kind: 'different', reason };
}

function path({ namespace, name }: ComparedName): string {
  return namespace === '' ? name : `${namespace}/${name}`;
}
