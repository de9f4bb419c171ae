/**
 * A bridge tells deletions under the revision that was sent last (semantics 9.5). A watch that starts at just that
 * revision has not seen them, whether it was opened before the bridge or resumes after it. What happened between that
 * revision and the list's is not known at all.
 */
import { afterEach, describe, expect, test } from 'vitest';
import { Filter } from '../../src/cache/filter.ts';
import type { View } from '../../src/cache/snapshot.ts';
import { BufferPool } from '../../src/proxy/buffer-pool.ts';
import { EventWriter } from '../../src/proxy/event-writer.ts';
import { FlushScheduler } from '../../src/proxy/flush.ts';
import type { Sink } from '../../src/proxy/sink.ts';
import { WatchClock } from '../../src/proxy/watch-clock.ts';
import { StartQueue } from '../../src/proxy/start-queue.ts';
import { WriteShares } from '../../src/proxy/write-shares.ts';
import { WatchCounters, WatchStream } from '../../src/proxy/watch-stream.ts';
import { ADDED } from '../../src/cache/log.ts';
import { podOfA as pod, TestLane } from '../cache/support.ts';

/** Takes every write at once and keeps it. */
class KeptSink implements Sink {
  readonly ready = true;
  readonly bytesInFlight = 0;
  closed = false;
  onReady: (() => void) | null = null;
  onClose: (() => void) | null = null;
  text = '';

  awaitRoom(go: () => void): void {
    go();
  }

  write(chunk: Uint8Array): boolean {
    this.text += Buffer.from(chunk).toString();
    return true;
  }

  end(): void {
    this.destroy();
  }

  destroy(): void {
    this.closed = true;
    this.onClose?.();
  }

  /** `TYPE name@revision`, or the code of an error. */
  get events(): string[] {
    return this.text
      .trimEnd()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => {
        const { type, object } = JSON.parse(line);
        if (type === 'ERROR') return `ERROR ${object.code}`;
        if (type === 'BOOKMARK') return `BOOKMARK ${object.metadata.resourceVersion}`;
        return `${type} ${object.metadata.name}@${object.metadata.resourceVersion}`;
      });
  }
}

const open: WatchStream[] = [];

afterEach(() => {
  for (const stream of open.splice(0)) stream.end('client');
});

const BOOKMARK = Buffer.from(
  '{"type":"BOOKMARK","object":{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"10"}}}\n',
);

function watch({ lane, scanner }: TestLane, view: View): { stream: WatchStream; sink: KeptSink } {
  const pool = new BufferPool(4096, 4);
  const services = {
    writer: new EventWriter(pool),
    flush: new FlushScheduler({ maxIntervalMs: 1, watchersPerTurn: 10, maxShare: 1 }, () => {}),
    clock: new WatchClock(),
    pool,
    shares: new WriteShares(),
    answers: new StartQueue<string>(8),
    counters: new WatchCounters(),
  };
  const all = { namespace: '', name: '', labels: undefined, terms: [], identity: 'all' };
  const filter = new Filter(all);
  const plan = {
    lane,
    objects: lane.codec.objects,
    filter,
    share: { pass: 0, writes: 0 },
    cursor: lane.groups.join(filter, view.position)!,
    view,
    initialEvents: false,
    initialEventsEnd: false,
    bookmarks: true,
    startRevision: view.revision,
    ahead: view.revision > lane.namedRevision,
    lifetimeMs: 60_000,
  };
  scanner.scanEvent(BOOKMARK, 0, BOOKMARK.length);
  lane.learnBookmark(BOOKMARK, scanner);
  const sink = new KeptSink();
  const stream = new WatchStream(services, plan, sink, () => {});
  open.push(stream);
  return { stream, sink };
}

/** Two pods, the newest of them at 11; the bridge finds `x` gone and `z` made. */
function bridge(lane: TestLane): void {
  lane.list(50, [pod('y', 11), pod('z', 40)]);
}

function laneAt11(): TestLane {
  const lane = new TestLane({ bridgeExpiry: true });
  lane.list(10, [pod('x', 5)]);
  lane.event(ADDED, pod('y', 11));
  return lane;
}

function bridged(): TestLane {
  const lane = laneAt11();
  bridge(lane);
  return lane;
}

describe('a bridge', () => {
  test('shows its deletions to a watch that was opened at the newest revision', () => {
    const lane = laneAt11();
    const { stream, sink } = watch(lane, lane.lane.viewAt(11)!);
    bridge(lane);
    stream.flush();
    expect(sink.events).toEqual(['DELETED x@11', 'ADDED z@40']);
  });

  test('shows its deletions to a watch that resumes at the revision they carry', () => {
    const lane = laneAt11();
    bridge(lane);
    const { stream, sink } = watch(lane, lane.lane.viewAt(11)!);
    stream.flush();
    expect(sink.events).toEqual(['DELETED x@11', 'ADDED z@40']);
  });

  test('shows nothing twice to a watch that resumes after it', () => {
    const lane = laneAt11();
    bridge(lane);
    const { stream, sink } = watch(lane, lane.lane.viewAt(50)!);
    stream.flush();
    expect(sink.events).toEqual([]);
  });

  test('expires a watch that started ahead of what it deletes: it may or may not have seen that', () => {
    const lane = laneAt11();
    const { stream, sink } = watch(lane, { position: lane.lane.log.head, revision: 30 });
    bridge(lane);
    stream.flush();
    expect(sink.events).toEqual(['ERROR 410']);
    expect(sink.closed).toBe(true);
  });

  test('expires a watch that started ahead of it: what is gone may be unknown to the lane', () => {
    const lane = laneAt11();
    const { sink } = watch(lane, { position: lane.lane.log.head, revision: 30 });
    lane.list(50, [pod('x', 5), pod('y', 11), pod('z', 40)]);
    expect(sink.events).toEqual(['ERROR 410']);
  });

  test('leaves watches open that started at a state proven ahead of what was sent, and leads none back', () => {
    const lane = laneAt11();
    const head = lane.lane.log.head;
    const streams = [20, 30].map((revision) => {
      lane.lane.proven = { position: head, revision };
      return watch(lane, { position: head, revision });
    });
    bridge(lane);
    for (const { stream } of streams) stream.flush();
    for (const { sink } of streams) expect(sink.events).toEqual(['DELETED x@30', 'ADDED z@40']);
    const resumed = watch(lane, lane.lane.viewAt(30)!);
    resumed.stream.flush();
    expect(resumed.sink.events).toEqual(['DELETED x@30', 'ADDED z@40']);
    expect([11, 12, 29, 30, 31].filter((at) => lane.lane.viewAt(at) === undefined)).toEqual([
      12, 29, 31,
    ]);
  });

  test('leaves watches open when the list only repeats the state proven last', () => {
    const lane = laneAt11();
    lane.lane.proven = { position: lane.lane.log.head, revision: 30 };
    const streams = [11, 30].map((revision) => {
      return watch(lane, { position: lane.lane.log.head, revision });
    });
    lane.list(30, [pod('x', 5), pod('y', 11)]);
    lane.event(ADDED, pod('z', 40));
    for (const { stream } of streams) stream.flush();
    for (const { sink } of streams) expect(sink.events).toEqual(['ADDED z@40']);
    expect([11, 12, 29, 30].filter((at) => lane.lane.viewAt(at) === undefined)).toEqual([12, 29]);
  });

  test('shows its deletions behind another one that had nothing to tell and led to the same revision', () => {
    const lane = laneAt11();
    lane.lane.proven = { position: lane.lane.log.head, revision: 30 };
    lane.list(30, [pod('x', 5), pod('y', 11)]);
    const { stream, sink } = watch(lane, lane.lane.viewAt(30)!);
    bridge(lane);
    stream.flush();
    expect(sink.events).toEqual(['DELETED x@30', 'ADDED z@40']);
    const resumed = watch(lane, lane.lane.viewAt(30)!);
    resumed.stream.flush();
    expect(resumed.sink.events).toEqual(['DELETED x@30', 'ADDED z@40']);
  });

  test('leaves a watch open that started ahead of its list too', () => {
    const lane = laneAt11();
    const { stream, sink } = watch(lane, { position: lane.lane.log.head, revision: 60 });
    lane.list(50, [pod('x', 5), pod('y', 11), pod('z', 40)]);
    lane.event(ADDED, pod('w', 70));
    stream.flush();
    expect(sink.events).toEqual(['ADDED w@70']);
  });

  test('leads a watch to its end at once, where it may resume', () => {
    const lane = laneAt11();
    const { stream, sink } = watch(lane, lane.lane.viewAt(11)!);
    bridge(lane);
    stream.flush();
    sink.onReady?.();
    expect(sink.events).toEqual(['DELETED x@11', 'ADDED z@40', 'BOOKMARK 50']);
  });

  test('answers for no revision between what was seen and its list', () => {
    const { lane } = bridged();
    expect([11, 12, 40, 49, 50].filter((revision) => lane.viewAt(revision) === undefined)).toEqual([
      12, 40, 49,
    ]);
  });
});
