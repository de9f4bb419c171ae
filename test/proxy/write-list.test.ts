// What a LIST looks at before it writes: the first item is enough where the head says only whether there is one.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Filter } from '../../src/cache/filter.ts';
import type { Codec, ObjectForm } from '../../src/k8s/encoding.ts';
import { jsonCodec } from '../../src/k8s/encoding-json.ts';
import { BufferPool } from '../../src/proxy/buffer-pool.ts';
import type { Exchange } from '../../src/proxy/exchange.ts';
import { Compressor } from '../../src/proxy/gzip.ts';
import { ListTurns } from '../../src/proxy/list-turns.ts';
import { StartQueue } from '../../src/proxy/start-queue.ts';
import { ListWriter } from '../../src/proxy/write-list.ts';
import { podText, PODS, TestLane } from '../cache/support.ts';
import { EdgeFixture, type RunningServer } from './edge-fixture.ts';

const OBJECTS = 100;
const BUFFER_BYTES = 4096;

let edge: EdgeFixture;
let running: RunningServer;
let handle: (exchange: Exchange) => void;

beforeAll(async () => {
  edge = await EdgeFixture.create();
  running = await edge.start({ handle: (exchange) => handle(exchange) });
});

afterAll(() => edge.close());

function laneOf(codec: Codec): TestLane {
  const made = new TestLane({ codec, fields: [] });
  const names = Array.from({ length: OBJECTS }, (_, i) => `pod-${i}`);
  made.list(
    500,
    names.map((name, i) => podText({ namespace: 'a', name, revision: i + 1, bytes: 100 })),
  );
  return made;
}

/** The form, which notes how many items it was asked the size of. */
function counted(form: ObjectForm): { objects: ObjectForm; measured: () => number } {
  let measured = 0;
  const objects = new Proxy(form, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      if (name === 'itemBytes') measured++;
      return value.bind(target) as unknown;
    },
  });
  return { objects, measured: () => measured };
}

async function list({ lane }: TestLane, objects: ObjectForm, name = ''): Promise<string> {
  const filter = new Filter({ namespace: 'a', name, labels: undefined, terms: [], identity: name });
  handle = (exchange) => {
    const services = {
      pool: new BufferPool(BUFFER_BYTES, 2),
      turns: new ListTurns({ maxConcurrent: 1 }),
      gzip: new Compressor({ gzip: false, maxConcurrent: 1 }),
      answers: new StartQueue<string>(1),
    };
    const plan = {
      lane,
      objects,
      filter,
      view: lane.newest,
      from: Buffer.alloc(0),
      items: Infinity,
      continueToken: '',
      remaining: undefined,
      shards: undefined,
      warnings: [],
    };
    void new ListWriter(services, plan, exchange).run();
  };
  const client = await running.client('h2');
  const { body } = await client.get('/');
  return body.toString();
}

interface Listed {
  readonly items: readonly { readonly metadata: { readonly name: string } }[] | null;
}

describe('a LIST of metadata in JSON', () => {
  const codec = jsonCodec({ resource: PODS, custom: false, fields: [] });
  const made = laneOf(codec);

  test('looks at one item to know that there are any', async () => {
    const { objects, measured } = counted(codec.metadata!);
    const text = await list(made, objects);
    const { items } = JSON.parse(text) as Listed;
    expect(items).toHaveLength(OBJECTS);
    // Once for each item that is written, again for each that did not fit the buffer, and once for the head.
    const again = Math.ceil(text.length / BUFFER_BYTES);
    expect(measured()).toBeGreaterThan(OBJECTS);
    expect(measured()).toBeLessThanOrEqual(OBJECTS + 1 + again);
  });

  test('says null when there are none', async () => {
    const text = await list(made, codec.metadata!, 'nobody');
    expect((JSON.parse(text) as Listed).items).toBeNull();
    expect(text).toBe(
      '{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1",' +
        '"metadata":{"resourceVersion":"500"},"items":null}\n',
    );
  });

  test('is what stands in the items, one by one', async () => {
    const one = await list(made, codec.metadata!, 'pod-7');
    expect(one).toBe(
      '{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1",' +
        '"metadata":{"resourceVersion":"500"},"items":[{"kind":"PartialObjectMetadata",' +
        '"apiVersion":"meta.k8s.io/v1","metadata":{"name":"pod-7","namespace":"a",' +
        '"uid":"uid-pod-7","resourceVersion":"8"}}]}\n',
    );
  });
});
