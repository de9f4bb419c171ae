/**
 * In which form to keep an object: upstream's bytes with an entry header (ours), decoded and encoded again with msgpackr,
 * or with JSON. Encode: from the bytes of an event to the form that is kept. Decode: from there to the bytes of a LIST.
 */
import { Packr } from 'msgpackr';
import { Arena } from '../../src/cache/arena.ts';
import { ScratchKey } from '../../src/cache/scratch-key.ts';
import { SlabPool } from '../../src/cache/slab.ts';
import { JsonScanner } from '../../src/k8s/scan-json.ts';
import type { Rival } from '../lib/compare.ts';
import { check, compareRivals, secondsOf, sink, tableOf } from '../lib/compare.ts';
import { publish, QUICK } from '../lib/report.ts';
import type { Table } from '../lib/report.ts';
import type { ObjectKind } from '../lib/workload.ts';
import { Workload } from '../lib/workload.ts';

const OBJECTS = 256;
const ROUNDS: Readonly<Record<ObjectKind, number>> = QUICK
  ? { lease: 80, pod: 12, node: 6 }
  : { lease: 400, pod: 60, node: 30 };
const REPEATS = QUICK ? 3 : 7;
const NO_PREFIX = Buffer.alloc(0);

interface Form {
  readonly name: string;
  /** Keeps one object under a number; returns the bytes that takes. */
  encode(number: number, object: Buffer): number;
  /** Writes the object's JSON to `to`; returns its length. */
  decode(number: number, to: Buffer): number;
}

class OurForm implements Form {
  readonly name = 'Watershed (bytes as they came)';
  #arena = new Arena(new SlabPool(), 0);
  readonly #scanner = new JsonScanner([]);
  readonly #key = new ScratchKey();
  readonly #places: number[] = [];

  encode(number: number, object: Buffer): number {
    if (!this.#scanner.scanObject(object, 0, object.length)) throw new Error(this.#scanner.problem);
    this.#key.set(object, this.#scanner);
    const place = this.#arena.write(object, this.#scanner, NO_PREFIX, this.#key, 1);
    this.#arena.addLive(place);
    const old = this.#places[number];
    if (old !== undefined) this.#arena.dropLive(old);
    this.#places[number] = place;
    return this.#arena.entryBytes(place);
  }

  decode(number: number, to: Buffer): number {
    const place = this.#places[number];
    const start = this.#arena.objectStart(place);
    const end = start + this.#arena.objectLength(place);
    return this.#arena.slabOf(place).bytes.copy(to, 0, start, end);
  }
}

class MsgpackForm implements Form {
  readonly name = 'msgpackr records';
  readonly #packr = new Packr({ structures: [], maxSharedStructures: 8000 });
  readonly #stored: Buffer[] = [];

  encode(number: number, object: Buffer): number {
    const packed = this.#packr.pack(JSON.parse(object.toString()) as unknown);
    this.#stored[number] = packed;
    return packed.length;
  }

  decode(number: number, to: Buffer): number {
    return to.write(JSON.stringify(this.#packr.unpack(this.#stored[number])));
  }
}

class DecodedForm implements Form {
  readonly name = 'decoded object, JSON.stringify';
  readonly #stored: unknown[] = [];

  encode(number: number, object: Buffer): number {
    this.#stored[number] = JSON.parse(object.toString()) as unknown;
    return Number.NaN;
  }

  decode(number: number, to: Buffer): number {
    return to.write(JSON.stringify(this.#stored[number]));
  }
}

function measure(form: Form, kind: ObjectKind, objects: readonly Buffer[]): Rival {
  const to = Buffer.alloc(64 * 1024);
  for (const [i, object] of objects.entries()) {
    form.encode(i, object);
    const length = form.decode(i, to);
    check(to.subarray(0, length).equals(object), `${form.name} changes the bytes of a ${kind}`);
  }
  const rate = (work: (number: number) => void): number => {
    const rounds = ROUNDS[kind];
    const seconds = secondsOf(() => {
      for (let round = 0; round < rounds; round++) {
        for (let i = 0; i < objects.length; i++) work(i);
      }
    });
    return (rounds * objects.length) / seconds;
  };
  return {
    name: form.name,
    run: () => {
      const bytes = objects.reduce((sum, object, i) => sum + form.encode(i, object), 0);
      const figures: Record<string, number> = {
        encode: rate((i) => form.encode(i, objects[i])),
        decode: rate((i) => (sink.value += form.decode(i, to))),
      };
      if (!Number.isNaN(bytes)) figures.bytes = bytes / objects.length;
      return figures;
    },
  };
}

function objectsOf(kind: ObjectKind): Buffer[] {
  const workload = new Workload(kind);
  return Array.from({ length: OBJECTS }, (_, i) => {
    const event = workload.events([i]);
    return Buffer.from(event.subarray('{"type":"MODIFIED","object":'.length, event.length - 2));
  });
}

const tables: Table[] = [];
for (const kind of ['lease', 'pod', 'node'] as const) {
  const objects = objectsOf(kind);
  const forms = [new OurForm(), new MsgpackForm(), new DecodedForm()];
  const comparison = compareRivals(
    forms.map((form) => measure(form, kind, objects)),
    REPEATS,
  );
  const title = `${kind}, ${objects[0].length.toLocaleString('en')} B`;
  tables.push(
    tableOf(
      comparison,
      { title, unit: 'objects/s', better: 'higher' },
      {
        encode: 'bytes of an event to the kept form',
        decode: 'kept form to bytes of a LIST',
      },
    ),
    tableOf(
      comparison,
      { title: `${title}: size`, unit: 'bytes/object', better: 'lower' },
      {
        bytes: 'bytes kept',
      },
    ),
  );
}
publish({
  name: 'stored-forms',
  title: 'Forms to keep objects in',
  notes: [
    'Each form must give the very bytes back that went in; this is checked first.',
    'Ours includes the strict scan and the entry header with the key. The size of decoded objects is a matter of the heap and left out.',
    'msgpackr shares record structures between objects.',
  ],
  tables,
  figures: {},
});
