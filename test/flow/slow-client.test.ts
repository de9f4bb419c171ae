// Ten of five hundred watchers stop reading. The others receive everything, as promptly as before; the
// stalled cost no memory but one write in flight, are cut when what they missed has left the window,
// and find out by a 410; one that stalled only for a moment goes on without a gap.

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { figuresOf, figuresText } from '../conformance/support/figures.ts';
import { buildTimeoutMs, describeWithControlPlane } from '../conformance/support/go.ts';
import { collection, query } from '../conformance/support/resources.ts';
import { startStack } from '../conformance/support/stack.ts';
import type { Stack } from '../conformance/support/stack.ts';
import { WatchFleet } from './support/watch-fleet.ts';

const readers = 489;
const stalled = 10;
const perConnection = 20;
/** 4 KiB each: the window of 1 MiB holds about 250. */
const objectBytes = 4_096;
const windowBytes = '1Mi';
const calmWrites = 150;
const stalledWrites = 400;
const briefStall = 60;
const writesPerSecond = 20;
/** Far below what 500 watchers x 400 events would be if somebody queued them (800 MB). */
const maxGrowthBytes = 200 * 1024 ** 2;

const window = { maxBytesPerLane: windowBytes, minEvents: 0 };
/** A frame must fit the window. */
const scanner = { maxFrameBytes: windowBytes };

describeWithControlPlane('Clients that stop reading', () => {
  let stack: Stack;
  const fleets: WatchFleet[] = [];

  beforeAll(async () => {
    stack = await startStack({ proxy: { settings: { window, scanner } } });
  }, buildTimeoutMs);

  afterAll(async () => {
    for (const fleet of fleets) fleet.close();
    await stack?.stop();
  });

  async function openFleet(
    path: string,
    watches: number,
    options: { readonly perConnection?: number; readonly keepText?: boolean } = {},
  ): Promise<WatchFleet> {
    const { controlPlane, watershed } = stack;
    const fleet = await WatchFleet.open({
      url: watershed.url,
      ca: readFileSync(controlPlane.caFile),
      token: controlPlane.tokens.admin,
      path,
      watches,
      perConnection: options.perConnection ?? 1,
      keepText: options.keepText,
    });
    fleets.push(fleet);
    return fleet;
  }

  test('are cut without harm to the others', async () => {
    const collectionPath = collection('configmaps', 'a');
    const path = `${collectionPath}/slow`;
    const metadata = { name: 'slow' };
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata };
    // Memory begins with the first reader; what came before cannot be resumed from.
    await stack.proxied({ path: collectionPath });
    const created = await stack.controlPlane.request('POST', collectionPath, { body });
    const { resourceVersion } = (JSON.parse(created.body.toString()) as Made).metadata;
    const options = { watch: 1, resourceVersion, timeoutSeconds: 600 };
    const watchPath = collectionPath + query(options);
    const fast = await openFleet(watchPath, readers, { perConnection });
    const brief = await openFleet(watchPath, 1);
    const slow = await openFleet(watchPath, stalled, { keepText: true });

    const sentAt: number[] = [];
    let delays: number[] = [];
    fast.onLine = (line): void => {
      delays.push(performance.now() - sentAt[line]);
    };

    async function write(count: number): Promise<void> {
      for (let i = 0; i < count; i++) {
        const turn = sentAt.length;
        const data = { turn: String(turn), filler: 'x'.repeat(objectBytes) };
        sentAt.push(performance.now());
        const answer = await stack.controlPlane.request('PATCH', path, {
          body: { data },
          headers: { 'content-type': 'application/merge-patch+json' },
        });
        if (answer.status !== 200) throw new Error(answer.body.toString());
        await sleep(Math.max(0, sentAt[turn] + 1_000 / writesPerSecond - performance.now()));
      }
      await fast.untilLines(sentAt.length);
    }

    await write(calmWrites);
    await Promise.all([slow.untilLines(calmWrites), brief.untilLines(calmWrites)]);
    const calm = figuresOf(delays);
    const before = stack.watershed.residentBytes();

    delays = [];
    for (const { stream } of [...slow.watches, ...brief.watches]) stream.pause();
    await write(briefStall);
    for (const { stream } of brief.watches) stream.resume();
    await write(stalledWrites - briefStall);
    await brief.untilLines(sentAt.length);
    const disturbed = figuresOf(delays);
    const grown = stack.watershed.residentBytes() - before;

    await vi.waitUntil(async () => (await stack.watershed.status()).watches.ended.slow >= stalled, {
      timeout: 20_000,
      interval: 200,
    });
    console.log(
      `write to ${readers} watchers, all reading:    ${figuresText(calm)}\n` +
        `write to ${readers} watchers, ${stalled} stalled:     ${figuresText(disturbed)}\n` +
        `memory grew by ${(grown / 1024 ** 2).toFixed(1)} MiB`,
    );
    expect(fast.watches.every(({ lines, closed }) => lines === sentAt.length && !closed)).toBe(
      true,
    );
    expect(grown).toBeLessThan(maxGrowthBytes);

    for (const { stream } of slow.watches) stream.resume();
    await vi.waitUntil(() => slow.watches.every(({ closed }) => closed), { timeout: 20_000 });
    for (const { text } of slow.watches) await expectHonestEnd(text);
  }, 180_000);

  /** What a cut watcher received has no gap, and resuming from it goes on there or says 410. */
  async function expectHonestEnd(text: string): Promise<void> {
    const events = text.split('\n').slice(0, -1).map(parseEvent);
    const told = events.filter(({ type }) => type === 'MODIFIED');
    expect(told.map(({ turn }) => turn)).toEqual(told.map((_, index) => index));
    const last = told.at(-1)!;
    expect(last.turn).toBeLessThan(calmWrites + stalledWrites - 1);
    const options = { watch: 1, resourceVersion: last.revision, timeoutSeconds: 1 };
    const resumed = await stack.proxied({ path: collection('configmaps', 'a') + query(options) });
    const first = parseEvent(resumed.lines[0]);
    if (first.type === 'ERROR') expect(first.code).toBe(410);
    else expect(first.turn).toBe(last.turn + 1);
  }
});

interface Made {
  readonly metadata: { readonly resourceVersion: string };
}

interface Told {
  readonly type: string;
  readonly turn: number;
  readonly revision: string;
  readonly code: number;
}

function parseEvent(line: string): Told {
  const event = JSON.parse(line) as {
    readonly type: string;
    readonly object: Made & { readonly data?: { readonly turn: string }; readonly code?: number };
  };
  return {
    type: event.type,
    turn: Number(event.object.data?.turn ?? -1),
    revision: event.object.metadata.resourceVersion,
    code: event.object.code ?? 0,
  };
}
