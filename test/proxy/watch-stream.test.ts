// How a watch ends: client-go lists anew after a watch that ended within a second without an event, so a
// young watch that was told nothing is held until it is older.

import { afterEach, describe, expect, test } from 'vitest';
import type { Sink } from '../../src/proxy/sink.ts';
import { BufferPool } from '../../src/proxy/buffer-pool.ts';
import { EventWriter } from '../../src/proxy/event-writer.ts';
import { FlushScheduler } from '../../src/proxy/flush.ts';
import { WatchClock } from '../../src/proxy/watch-clock.ts';
import { StartQueue } from '../../src/proxy/start-queue.ts';
import { WriteShares } from '../../src/proxy/write-shares.ts';
import { WatchCounters, WatchStream } from '../../src/proxy/watch-stream.ts';
import { EVENT_ADDED } from '../../src/k8s/scan-json.ts';
import { Filter } from '../../src/cache/filter.ts';
import { until } from '../support/clock.ts';
import { podOfA, TestLane } from '../cache/support.ts';

/** A client that takes everything at once. */
class TakingSink implements Sink {
  ready = true;
  bytesInFlight = 0;
  closed = false;
  onReady: (() => void) | null = null;
  onClose: (() => void) | null = null;
  text = '';
  /** Who waits for it, while the client's window is closed. */
  awaiting: (() => void) | undefined;
  hasRoom = true;
  endedAtMs = 0;
  broken = false;

  awaitRoom(go: () => void): void {
    if (this.hasRoom) go();
    else this.awaiting = go;
  }

  write(chunk: Uint8Array): boolean {
    if (!this.ready) return false;
    this.text += Buffer.from(chunk).toString();
    this.ready = false;
    setImmediate(() => {
      this.ready = !this.closed;
      this.onReady?.();
    });
    return true;
  }

  end(): void {
    this.closed = true;
    this.ready = false;
    this.endedAtMs = performance.now();
    setImmediate(() => this.onClose?.());
  }

  destroy(): void {
    this.broken = true;
    this.end();
  }
}

const all = { namespace: '', name: '', labels: undefined, terms: [], identity: 'all' };
const clock = new WatchClock();

afterEach(() => clock.stop());

/** A watch at the head of a lane that holds one object, which it is shown first with `initialEvents`. */
function watch({ initialEvents = false, hasRoom = true } = {}) {
  const made = new TestLane();
  made.list(10, [podOfA('one', 5)]);
  const { lane } = made;
  const pool = new BufferPool(1 << 16, 4);
  const limits = { maxIntervalMs: 10, watchersPerTurn: 100, maxShare: 0.7 };
  const writer = new EventWriter(pool);
  const flush = new FlushScheduler(limits, () => writer.forget());
  flush.attach(lane);
  const services = {
    writer,
    flush,
    clock,
    pool,
    shares: new WriteShares(),
    answers: new StartQueue<string>(8),
    counters: new WatchCounters(),
  };
  const filter = new Filter(all);
  const sink = new TakingSink();
  sink.hasRoom = hasRoom;
  const plan = {
    lane,
    objects: lane.codec.objects,
    filter,
    share: { pass: 0, writes: 0 },
    cursor: lane.groups.join(filter, lane.head)!,
    view: lane.newest,
    initialEvents,
    initialEventsEnd: false,
    bookmarks: false,
    startRevision: 10,
    ahead: false,
    lifetimeMs: 60_000,
  };
  const startedAtMs = performance.now();
  const stream = new WatchStream(services, plan, sink, () => {});
  stream.start();
  return { made, lane, pool, sink, stream, counters: services.counters, startedAtMs };
}

describe('the end of a watch that was told nothing', () => {
  test('comes a second after its start at the earliest, cleanly', async () => {
    const { lane, sink, startedAtMs, counters } = watch();
    lane.close('its definition changed');
    await until(() => sink.closed && counters.open === 0, 'the end');
    expect(sink.endedAtMs - startedAtMs).toBeGreaterThanOrEqual(1_000);
    expect(sink).toMatchObject({ text: '', broken: false });
    expect(counters.ended).toMatchObject({ upstream: 1 });
  });

  test('is not waited for when the client goes first', async () => {
    const { sink, stream, counters } = watch();
    stream.end('drain');
    sink.closed = true;
    sink.onClose?.();
    expect(counters.open).toBe(0);
  });
});

describe('the end of a watch comes at once', () => {
  test('when it was told something', async () => {
    const { made, sink, stream } = watch();
    made.event(EVENT_ADDED, podOfA('two', 11));
    await until(() => sink.text.includes('two') && sink.ready, 'the event');
    stream.end('drain');
    expect(sink.closed).toBe(true);
  });

  test('when an error is its last word', async () => {
    const { lane, sink } = watch();
    lane.resetWindow(20);
    await until(() => sink.closed, 'the end');
    expect(sink.text).toContain('"code":410');
  });
});

describe('the objects that come first', () => {
  test('are read when the client takes them, and take no memory before', async () => {
    const { pool, sink } = watch({ initialEvents: true, hasRoom: false });
    expect([pool.inUse, sink.text]).toEqual([0, '']);
    sink.awaiting?.();
    expect(sink.text).toContain('"name":"one"');
    await until(() => pool.inUse === 0, 'the buffer');
  });

  test('are not read any more when the watch ended meanwhile', async () => {
    const { lane, pool, sink } = watch({ initialEvents: true, hasRoom: false });
    lane.resetWindow(20);
    await until(() => sink.closed, 'the end');
    sink.awaiting?.();
    expect(sink.text).toContain('"code":410');
    expect(sink.text).not.toContain('ADDED');
    expect(pool.inUse).toBe(0);
  });
});
