// One group has watchers of whole objects and of their metadata, with managedFields and without: each gets its own form, and
// those of one form at the same place share one batch.

import { expect, test } from 'vitest';
import { Filter } from '../../src/cache/filter.ts';
import type { ObjectForm } from '../../src/k8s/encoding.ts';
import { EVENT_ADDED } from '../../src/k8s/scan-json.ts';
import { BufferPool } from '../../src/proxy/buffer-pool.ts';
import { EventWriter } from '../../src/proxy/event-writer.ts';
import { TestLane } from '../cache/support.ts';

const all = { namespace: '', name: '', labels: undefined, terms: [], identity: 'all' };
const managed = ',"managedFields":[{"manager":"kubectl"}]';
const metadata = (more: string): string =>
  `"metadata":{"name":"one","namespace":"a","resourceVersion":"11"${more}}`;
const whole = (more: string): string =>
  `{"kind":"Pod","apiVersion":"v1",${metadata(more)},"spec":{}}`;
const partial = (more: string): string =>
  `{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1",${metadata(more)}}`;

test('every form of an event is written once, whoever asks in which order', () => {
  const made = new TestLane();
  made.list(10, []);
  const { lane } = made;
  const { objects, metadata: partials } = lane.codec;
  const expected: readonly [ObjectForm, string][] = [
    [objects, whole(managed)],
    [objects.withoutManagedFields, whole('')],
    [partials!, partial(managed)],
    [partials!.withoutManagedFields, partial('')],
  ];
  const rounds = [0, 1, 2].flatMap(() => expected);
  const cursors = rounds.map(() => lane.groups.join(new Filter(all), lane.head)!);
  made.event(EVENT_ADDED, whole(managed));
  const pool = new BufferPool(4096, 4);
  const writer = new EventWriter(pool);
  const batches = rounds.map(([form, text], i) => {
    const batch = writer.batch({ lane, cursor: cursors[i], objects: form });
    expect(batch.bytes.toString()).toBe(`{"type":"ADDED","object":${text}}\n`);
    return batch;
  });
  expect(new Set(batches).size).toBe(expected.length);
  writer.forget();
  expect(pool.inUse).toBe(0);
});

test('a batch that was thought to be full is shared, however little of it is left', () => {
  const made = new TestLane();
  made.list(10, []);
  const { lane } = made;
  const objects = lane.codec.objects.withoutManagedFields;
  const join = () => ({ lane, objects, cursor: lane.groups.join(new Filter(all), lane.head)! });
  const sources = [join(), join()];
  const long = `,"managedFields":[{"manager":"${'x'.repeat(700)}"}]`;
  for (let revision = 11; revision < 31; revision++)
    made.event(EVENT_ADDED, whole(long).replace('"11"', `"${revision}"`));
  const pool = new BufferPool(4096, 4);
  const writer = new EventWriter(pool);
  const [first, second] = sources.map((source) => writer.batch(source));
  expect(first.to).toBeLessThan(sources[0].cursor.group.next);
  expect(first.bytes.length * 2).toBeLessThan(4096);
  expect(second).toBe(first);
  writer.forget();
});
