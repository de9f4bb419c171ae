// Objects shown without managedFields. The judge leaves them out of what the object is made of and makes it again; the form
// of whole objects over that must give, byte for byte, what the form without them gives over the original.

import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Codec, ObjectForm, Scanner } from '../../src/k8s/encoding.ts';
import { AS_STORED, StoredObject } from '../../src/k8s/encoding.ts';
import { jsonEncoding } from '../../src/k8s/encoding-json.ts';
import { protobufEncoding } from '../../src/k8s/encoding-protobuf.ts';
import {
  EVENT_ADDED,
  EVENT_BOOKMARK,
  EVENT_DELETED,
  EVENT_MODIFIED,
} from '../../src/k8s/scan-json.ts';
import { encodeVarint, writeField } from './naive-protobuf.ts';

const resource = { group: '', version: 'v1', plural: 'pods', kind: 'Pod', namespaced: true };
const widget = { ...resource, group: 'demo.dev', plural: 'widgets', kind: 'Widget' };

function codecOf(encoding: typeof jsonEncoding, options: object = {}): Codec {
  return encoding.codec({ resource, custom: false, fields: [], ...options })!;
}

function store(scan: Scanner, bytes: Buffer, revision: number): StoredObject {
  // Objects lie anywhere in a slab, beside others.
  const slab = Buffer.concat([Buffer.from('{"x":'), bytes, Buffer.from(',"y"]}')]);
  expect(scan.scanItem(slab, 5, 5 + bytes.length), scan.problem).toBe(true);
  const object = new StoredObject().take(slab, scan);
  object.revision = revision;
  return object;
}

/** Every way to write it; what is promised is enough, and exact where it is said to a client. */
function written(form: ObjectForm, object: StoredObject): Buffer[] {
  const ways: [number, (to: Buffer) => number][] = [
    [form.objectBytes(object), (to) => form.writeObject(object, to, 0)],
    [form.itemBytes(object, 0), (to) => form.writeItem(object, 0, to, 0)],
    [form.itemBytes(object, 3), (to) => form.writeItem(object, 3, to, 0)],
    ...[EVENT_ADDED, EVENT_MODIFIED, EVENT_DELETED].map((type): (typeof ways)[number] => [
      form.eventBytes(type, object),
      (to) => form.writeEvent(type, object, to, 0),
    ]),
  ];
  return ways.map(([bytes, write], i) => {
    const to = Buffer.alloc(bytes + 1);
    const end = write(to);
    if (i === 0 || form.headNeeds === 'bytes') expect(end).toBe(bytes);
    expect(end).toBeLessThanOrEqual(bytes);
    return to.subarray(0, end);
  });
}

/** The object as it is in the lane, what it must look like, and the revision it is shown under. */
interface Case {
  readonly bytes: Buffer;
  readonly expected: Buffer;
  readonly revision: number;
}

function check(codec: Codec, { bytes, expected, revision }: Case): void {
  const scan = codec.makeScanner();
  const original = store(scan, bytes, revision);
  const judge = store(scan, expected, revision);
  for (const form of [codec.objects, codec.metadata]) {
    if (form === undefined) continue;
    const { withoutManagedFields: cut } = form;
    expect(written(cut, original)).toEqual(written(form, judge));
    expect(cut.withoutManagedFields).toBe(cut);
  }
}

const revision = fc.oneof(fc.constant(AS_STORED), fc.constantFrom(9, 99, 123_456_789_012));

describe('JSON', () => {
  const json = fc.jsonValue({ maxDepth: 3 });
  const entries = fc.array(
    fc.record({ manager: fc.string(), fieldsV1: fc.dictionary(fc.string(), json) }),
  );
  const managed = fc.oneof(
    { weight: 5, arbitrary: entries },
    fc.constantFrom(null, 7, true, '"]}', {}),
  );
  const others = fc.array(
    fc.tuple(
      fc.constantFrom('name', 'uid', 'labels', 'annotations', 'managedField', 'zz', 'ünï', '\\'),
      fc.oneof(json, fc.constant({ managedFields: ['not these'], a: '","managedFields":[{}]' })),
    ),
  );
  const metadata = fc.record({
    before: others,
    managed: fc.option(managed, { nil: undefined }),
    revisionFirst: fc.boolean(),
    behind: others,
  });

  /** Members in this order, each once. */
  function object(members: readonly (readonly [string, unknown])[], space: string): string {
    const once = [...new Map(members)];
    const texts = once.map(
      ([key, value]) => `${JSON.stringify(key)}${space}:${space}${JSON.stringify(value)}`,
    );
    return `{${space}${texts.join(`${space},${space}`)}${space}}`;
  }

  interface Meta {
    readonly before: readonly [string, unknown][];
    readonly managed: unknown;
    readonly revisionFirst: boolean;
    readonly behind: readonly [string, unknown][];
  }

  function caseOf(meta: Meta, head: string, shown: number, space = ''): Case {
    const own: [string, unknown] = ['resourceVersion', '4711'];
    const cut: [string, unknown] = ['managedFields', meta.managed];
    const both = meta.revisionFirst ? [own, cut] : [cut, own];
    const text = (parts: readonly [string, unknown][]): Buffer => {
      const all = object([...meta.before, ...parts, ...meta.behind], space);
      const spec = { template: { metadata: { managedFields: ['not these'] } } };
      return Buffer.from(`${head}"metadata":${all},"spec":${JSON.stringify(spec)}}`);
    };
    const bytes = text(meta.managed === undefined ? [own] : both);
    return { bytes, expected: text([own]), revision: shown };
  }

  const builtIn = '{"kind":"Pod","apiVersion":"v1",';
  const custom = '{"apiVersion":"demo.dev/v1","kind":"Widget",';

  test.each([
    ['a built-in', codecOf(jsonEncoding), builtIn],
    ['a custom resource', codecOf(jsonEncoding, { resource: widget, custom: true }), custom],
    [
      'upstream’s own metadata',
      codecOf(jsonEncoding, { metadataOnly: true }),
      '{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1",',
    ],
  ])('of %s is that of the object without them', (_, codec, head) => {
    fc.assert(
      fc.property(metadata, revision, (meta: Meta, shown) => {
        check(codec, caseOf(meta, head, shown));
      }),
    );
  });

  test('with spaces is still the same document', () => {
    const codec = codecOf(jsonEncoding);
    const { objects } = codec;
    fc.assert(
      fc.property(metadata, fc.constantFrom(' ', '\n\t', '  '), (meta: Meta, space) => {
        const made = caseOf(meta, builtIn, AS_STORED, space);
        const stored = store(codec.makeScanner(), made.bytes, AS_STORED);
        const texts = written(objects.withoutManagedFields, stored);
        expect(JSON.parse(texts[0].toString())).toEqual(JSON.parse(made.expected.toString()));
      }),
    );
  });

  test('a bookmark is what it is with them', () => {
    const codec = codecOf(jsonEncoding);
    const text = `${builtIn}"metadata":{"resourceVersion":"5"},"spec":{"containers":null},"status":{}}`;
    const stored = store(codec.makeScanner(), Buffer.from(text), AS_STORED);
    for (const form of [codec.objects, codec.metadata!]) {
      const marks = form.bookmarks(stored)!;
      const cut = form.withoutManagedFields.bookmarks(stored)!;
      expect(cut.plain(77)).toEqual(marks.plain(77));
      expect(cut.initialEventsEnd(77)).toEqual(marks.initialEventsEnd(77));
    }
  });
});

describe('protobuf', () => {
  function text(number: number, value: string): Buffer {
    return writeField(number, 2, Buffer.from(value));
  }

  /** Long enough, now and then, that a length takes a byte more with them than without. */
  const length = fc.oneof(
    fc.nat({ max: 300 }),
    fc.integer({ min: 16_200, max: 16_500 }),
    fc.constant(2 ** 21),
  );
  const managed = fc.array(
    length.map((bytes) => writeField(17, 2, Buffer.alloc(bytes, '\u008a\u0001'))),
    { maxLength: 3 },
  );
  const kept = fc.record({
    name: fc.string({ maxLength: 140 }).map((value) => text(1, value)),
    revision: fc.constant(text(6, '4711')),
    generation: fc.nat().map((value) => writeField(7, 0, encodeVarint(BigInt(value)))),
    annotation: fc
      .nat({ max: 200 })
      .map((bytes) => writeField(12, 2, Buffer.concat([text(1, 'a'), text(2, 'x'.repeat(bytes))]))),
    later: fc.option(fc.constant(text(18, 'of a later release')), { nil: Buffer.alloc(0) }),
  });
  const where = fc.integer({ min: 0, max: 5 });

  test.each([
    ['a built-in', codecOf(protobufEncoding)],
    ['upstream’s own metadata', codecOf(protobufEncoding, { metadataOnly: true })],
  ])('of %s is that of the object without them', (_, codec) => {
    fc.assert(
      fc.property(kept, managed, where, revision, (parts, cut, at, shown) => {
        const fields = Object.values(parts);
        // Upstream writes them last of those it knows.
        const all = [...fields.slice(0, at), ...cut, ...fields.slice(at)];
        // Field 17 of the object, and of a template's metadata, is another matter.
        const template = writeField(1, 2, writeField(17, 2, Buffer.from('not these')));
        const rest = Buffer.concat([writeField(2, 2, template), writeField(17, 2, template)]);
        const objectOf = (metadata: readonly Buffer[]): Buffer =>
          Buffer.concat([writeField(1, 2, Buffer.concat(metadata)), rest]);
        check(codec, { bytes: objectOf(all), expected: objectOf(fields), revision: shown });
      }),
    );
  });

  test('entries with other fields between them all go', () => {
    const codec = codecOf(protobufEncoding);
    const fields = [text(17, 'a'), text(1, 'web'), text(17, 'b'), text(6, '4711'), text(17, 'c')];
    const bytes = writeField(1, 2, Buffer.concat(fields));
    const expected = writeField(1, 2, Buffer.concat([fields[1], fields[3]]));
    for (const shown of [AS_STORED, 12_345]) check(codec, { bytes, expected, revision: shown });
  });

  test('a bookmark is what it is with them', () => {
    const codec = codecOf(protobufEncoding);
    const bytes = writeField(1, 2, Buffer.concat([text(1, ''), text(6, '5'), text(5, '')]));
    const stored = store(codec.makeScanner(), bytes, 8);
    for (const form of [codec.objects, codec.metadata!]) {
      const size = form.eventBytes(EVENT_BOOKMARK, stored);
      const cut = form.withoutManagedFields;
      expect(cut.eventBytes(EVENT_BOOKMARK, stored)).toBe(size);
      const [one, other] = [form, cut].map((each) => {
        const to = Buffer.alloc(size);
        each.writeEvent(EVENT_BOOKMARK, stored, to, 0);
        return to;
      });
      expect(other).toEqual(one);
    }
  });
});
