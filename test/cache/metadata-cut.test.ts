import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Lane } from '../../src/cache/lane.ts';
import { MetadataCut } from '../../src/cache/metadata-cut.ts';
import { SlabPool } from '../../src/cache/slab.ts';
import type { Codec } from '../../src/k8s/encoding.ts';
import { jsonEncoding } from '../../src/k8s/encoding-json.ts';
import { protobufEncoding } from '../../src/k8s/encoding-protobuf.ts';
import {
  bytesField,
  ENVELOPE_TAIL,
  envelopeHead,
  textField,
} from '../../src/k8s/protobuf-envelope.ts';
import { PODS } from './support.ts';

interface Metadata {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
}

/** How one encoding writes objects and lists; knows nothing of the code under test. */
interface Writer {
  readonly whole: Codec;
  readonly own: Codec;
  /** As a list item. */
  object(metadata: Metadata): Buffer;
  metadataList(items: readonly Metadata[]): Buffer;
  metadataObject(metadata: Metadata): Buffer;
}

const group = { apiVersion: 'meta.k8s.io/v1' };

function codecs(encoding: typeof jsonEncoding): Pick<Writer, 'whole' | 'own'> {
  const options = { resource: PODS, custom: false, fields: [] };
  return {
    whole: encoding.codec(options)!,
    own: encoding.codec({ ...options, metadataOnly: true })!,
  };
}

const json: Writer = {
  ...codecs(jsonEncoding),
  object: (metadata) => Buffer.from(JSON.stringify({ metadata, spec: { a: [{}] } })),
  metadataList: (items) =>
    Buffer.from(
      `${JSON.stringify({
        kind: 'PartialObjectMetadataList',
        ...group,
        metadata: { resourceVersion: '99' },
        items: items.map((metadata) => ({ kind: 'PartialObjectMetadata', ...group, metadata })),
      })}\n`,
    ),
  metadataObject: (metadata) =>
    Buffer.from(`${JSON.stringify({ kind: 'PartialObjectMetadata', ...group, metadata })}\n`),
};

function entries(number: number, map: Readonly<Record<string, string>> = {}): Buffer[] {
  return Object.entries(map).map(([key, value]) =>
    bytesField(number, Buffer.concat([textField(1, key), textField(2, value)])),
  );
}

function objectMeta(metadata: Metadata): Buffer {
  return bytesField(
    1,
    Buffer.concat([
      textField(1, metadata.name),
      textField(3, metadata.namespace),
      textField(5, metadata.uid),
      textField(6, metadata.resourceVersion),
      ...entries(11, metadata.labels),
      ...entries(12, metadata.annotations),
      ...(metadata.finalizers ?? []).map((text) => textField(14, text)),
    ]),
  );
}

function inEnvelope(kind: string, message: Buffer): Buffer {
  return Buffer.concat([envelopeHead({ ...group, kind }), bytesField(2, message), ENVELOPE_TAIL]);
}

const protobuf: Writer = {
  ...codecs(protobufEncoding),
  object: (metadata) =>
    Buffer.concat([objectMeta(metadata), bytesField(2, textField(10, 'node-1'))]),
  metadataList: (items) =>
    inEnvelope(
      'PartialObjectMetadataList',
      Buffer.concat([
        bytesField(1, textField(2, '99')),
        ...items.map((item) => bytesField(2, objectMeta(item))),
      ]),
    ),
  metadataObject: (metadata) => inEnvelope('PartialObjectMetadata', objectMeta(metadata)),
};

const pool = new SlabPool({ maxSpareSlabs: 2 });
let last: Lane | undefined;

function cutOf({ whole, own, object }: Writer, objects: readonly Metadata[]): MetadataCut {
  last?.close('replaced');
  const lane = new Lane({
    resource: PODS,
    codec: whole,
    fields: [],
    window: { durationMs: 60_000, maxBytes: 1 << 26, minEvents: 0, maxRecords: 100_000 },
    pool,
    maxFilterGroups: 10,
    bridgeExpiry: false,
  });
  last = lane;
  const scan = whole.makeScanner();
  const load = lane.beginLoad();
  for (const each of objects) {
    const bytes = object(each);
    expect(scan.scanItem(bytes, 0, bytes.length), scan.problem).toBe(true);
    load.add(bytes, scan);
  }
  load.finish(99);
  return new MetadataCut(lane, whole.metadata!, own);
}

const text = fc.string({ unit: 'grapheme', maxLength: 20 });
const map = fc.option(fc.dictionary(text, text, { maxKeys: 5 }), { nil: undefined });
const metadata: fc.Arbitrary<Metadata> = fc.record(
  {
    name: fc.stringMatching(/^[a-z]{1,20}$/),
    namespace: fc.constantFrom('a', 'a-b'),
    uid: fc.uuid(),
    resourceVersion: fc.integer({ min: 1, max: 98 }).map(String),
    labels: map,
    annotations: map,
    finalizers: fc.option(fc.array(text, { minLength: 1, maxLength: 3 }), { nil: undefined }),
  },
  { requiredKeys: ['name', 'namespace', 'uid', 'resourceVersion'] },
);
const objects = fc.uniqueArray(metadata, {
  minLength: 1,
  maxLength: 8,
  selector: ({ namespace, name }) => `${namespace}/${name}`,
});

/** What a conversion, another release or another encoder could do to the metadata of one object. */
const plants: readonly ((of: Metadata) => Metadata)[] = [
  (of) => ({ ...of, annotations: { ...of.annotations, 'deprecated.example.com/made-up': '1' } }),
  (of) => ({ ...of, labels: { ...of.labels, 'planted.example.com/longer': '' } }),
  (of) => ({ ...of, uid: of.uid.toUpperCase().replace(/^./, 'Z') }),
  (of) => ({ ...of, finalizers: [...(of.finalizers ?? []), 'x'] }),
];

describe.each([
  ['json', json],
  ['protobuf', protobuf],
] as const)('a comparison in %s', (_name, writer) => {
  test('finds a list equal that shows the same metadata', () => {
    fc.assert(
      fc.property(objects, (held) => {
        const cut = cutOf(writer, held);
        const { namespace, name } = held[0];
        expect(cut.list(writer.metadataList(held))).toEqual({
          kind: 'equal',
          first: { namespace, name },
        });
        for (const each of held) {
          expect(cut.object(writer.metadataObject(each)).kind).toBe('equal');
        }
      }),
    );
  });

  test('finds any planted difference, wherever it stands', () => {
    fc.assert(
      fc.property(objects, fc.nat(), fc.constantFrom(...plants), (held, at, plant) => {
        const planted = at % held.length;
        const shown = held.map((each, i) => (i === planted ? plant(each) : each));
        const cut = cutOf(writer, held);
        expect(cut.list(writer.metadataList(shown)).kind).toBe('different');
        expect(cut.object(writer.metadataObject(shown[planted])).kind).toBe('different');
      }),
    );
  });

  test('says nothing of objects that have moved on, are gone, or of an empty list', () => {
    fc.assert(
      fc.property(objects, (held) => {
        const cut = cutOf(writer, held);
        const moved = held.map((each) => ({
          ...plants[0](each),
          resourceVersion: `${each.resourceVersion}0`,
        }));
        const foreign = held.map((each) => ({ ...plants[0](each), name: `${each.name}0` }));
        expect(cut.list(writer.metadataList([...moved, ...foreign])).kind).toBe('nothing');
        expect(cut.list(writer.metadataList([])).kind).toBe('nothing');
        expect(cut.object(writer.metadataObject(foreign[0])).kind).toBe('nothing');
      }),
    );
  });

  test('says nothing of a lane that was closed while upstream answered', () => {
    const held = [{ name: 'x', namespace: 'a', uid: 'u', resourceVersion: '5' }];
    const cut = cutOf(writer, held);
    last?.close('its definition changed');
    expect(cut.list(writer.metadataList(held)).kind).toBe('nothing');
    expect(cut.object(writer.metadataObject(held[0])).kind).toBe('nothing');
  });

  test('takes a list that breaks off for a difference', () => {
    const held = [{ name: 'x', namespace: 'a', uid: 'u', resourceVersion: '5' }];
    const whole = writer.metadataList(held);
    expect(cutOf(writer, held).list(whole.subarray(0, -6)).kind).toBe('different');
  });
});

test('an item in another order of keys is a difference in JSON', () => {
  const held = { name: 'x', namespace: 'a', uid: 'u', resourceVersion: '5' };
  const shown = { uid: 'u', name: 'x', namespace: 'a', resourceVersion: '5' };
  expect(cutOf(json, [held]).list(json.metadataList([shown])).kind).toBe('different');
});
