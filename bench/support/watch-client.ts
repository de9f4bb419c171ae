/**
 * The load client: a process of its own that holds thousands of watches and costs little. It is told what to do by
 * load-client.ts and says what it saw. Stalled watchers come first in the order of opening.
 */
import type { BodyReader } from './body-reader.ts';
import { Delays } from './delays.ts';
import type { DelaySummary } from './delays.ts';
import { dial } from './dial.ts';
import type { Dialled, Target } from './dial.ts';
import { EventCounter } from './event-counter.ts';
import type { Tally } from './event-counter.ts';
import { BodyMeter } from './body-meter.ts';
import type { BodyMeasure } from './body-meter.ts';
import { answerQuestions } from './rpc.ts';
import { nowUs } from './stamp.ts';

export interface OpenWatches {
  readonly target: Target;
  /** `{}` in it becomes the watcher's number, in five digits. */
  readonly path: string;
  readonly watchers: number;
  readonly streamsPerConnection: number;
  readonly stalled: number;
}

export interface Seen {
  readonly events: number;
  readonly bytes: number;
  readonly ended: number;
  readonly refused: number;
  readonly misplaced: number;
  readonly firstProblem: string;
  readonly delays: DelaySummary;
  /** Of this process, since it started. */
  readonly cpuUs: number;
}

/** Handshakes under way at once: enough to keep the server busy, few enough not to time out. */
const DIALS_AT_ONCE = 32;
const OPEN_TIMEOUT_MS = 120_000;
/** Nothing more comes after this long without an event. */
const QUIET_MS = 2_000;

const tally = newTally();
const stalledTally = newTally();
let connections: Dialled[] = [];
let counters: EventCounter[] = [];

answerQuestions({ open, mark, waitFor, seen, perWatcher, close, fetchBodies });

function newTally(): Tally {
  return {
    events: 0,
    bytes: 0,
    answered: 0,
    refused: 0,
    ended: 0,
    misplaced: 0,
    firstProblem: '',
    sampleEvery: 1,
    delays: new Delays(),
    nowUs: 0,
    onProgress: () => undefined,
  };
}

/** Resolves when every watch was answered with 200. */
async function open(plan: OpenWatches): Promise<void> {
  const answered = tally.answered + stalledTally.answered;
  const total = Math.ceil(plan.watchers / plan.streamsPerConnection);
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < total) await openConnection(plan, next++);
  };
  await Promise.all(Array.from({ length: DIALS_AT_ONCE }, worker));
  const deadline = performance.now() + OPEN_TIMEOUT_MS;
  while (tally.answered + stalledTally.answered - answered < plan.watchers) {
    const refused = tally.refused + stalledTally.refused;
    if (refused > 0 || performance.now() > deadline) {
      const opened = tally.answered + stalledTally.answered - answered;
      throw new Error(`${opened} of ${plan.watchers} watches opened, ${refused} refused`);
    }
    await pause(2);
  }
}

async function openConnection(plan: OpenWatches, index: number): Promise<void> {
  const first = index * plan.streamsPerConnection;
  const last = Math.min(plan.watchers, first + plan.streamsPerConnection);
  const stalled = first < plan.stalled;
  const onRead = (): void => {
    tally.nowUs = nowUs();
  };
  const dialled = await dial(plan.target, { stalled, onRead });
  connections.push(dialled);
  for (let number = first; number < last; number++) {
    const counter = new EventCounter(stalled ? stalledTally : tally);
    counters[number] = counter;
    dialled.connection.get(plan.path.replace('{}', watcherNumber(number)), counter);
  }
}

/** Names of objects for one watcher end like this. */
function watcherNumber(number: number): string {
  return String(number).padStart(5, '0');
}

/** A new measurement begins. */
function mark({ sampleEvery }: { sampleEvery: number }): Seen {
  tally.delays.reset();
  tally.sampleEvery = sampleEvery;
  return seen();
}

/** Resolves when so many events were received in all by those who read; at most `timeoutMs` later anyway. */
function waitFor({ events, timeoutMs }: { events: number; timeoutMs: number }): Promise<Seen> {
  return new Promise((resolve) => {
    let last = -1;
    const done = (): void => {
      clearTimeout(timer);
      clearInterval(watchdog);
      tally.onProgress = (): undefined => undefined;
      resolve(seen());
    };
    const timer = setTimeout(done, timeoutMs);
    // Watches that the server ended will never have them all.
    const watchdog = setInterval(() => {
      if (tally.ended > 0 && tally.events === last) done();
      last = tally.events;
    }, QUIET_MS);
    tally.onProgress = (): void => {
      if (tally.events >= events) done();
    };
    tally.onProgress();
  });
}

function seen(): Seen {
  const { user, system } = process.cpuUsage();
  return {
    events: tally.events,
    bytes: tally.bytes,
    ended: tally.ended,
    refused: tally.refused,
    misplaced: tally.misplaced,
    firstProblem: tally.firstProblem,
    delays: tally.delays.summary(),
    cpuUs: user + system,
  };
}

/** Events each watcher received, in the order of their numbers. */
function perWatcher(): number[] {
  return counters.map((counter) => counter.events);
}

async function close(): Promise<void> {
  const closing = connections;
  connections = [];
  counters = [];
  for (const { socket } of closing) socket.destroy();
  Object.assign(tally, { events: 0, bytes: 0, answered: 0, refused: 0, misplaced: 0 });
  Object.assign(stalledTally, { answered: 0, refused: 0 });
  await pause(10);
  tally.ended = 0;
}

export interface FetchBodies {
  readonly target: Target;
  readonly path: string;
  /** Connections that fetch at the same time. */
  readonly atOnce: number;
  /** Bodies each of them fetches, one after another. */
  readonly each: number;
  /** Take a hash of the items; costs as much as everything else. */
  readonly hash: boolean;
}

async function fetchBodies(plan: FetchBodies): Promise<BodyMeasure[]> {
  const fetchAll = async (): Promise<BodyMeasure[]> => {
    const { connection, socket } = await dial(plan.target);
    const measures: BodyMeasure[] = [];
    for (let i = 0; i < plan.each; i++) {
      measures.push(
        await new Promise<BodyMeasure>((resolve) => {
          const reader: BodyReader = new BodyMeter(plan.hash, resolve);
          connection.get(plan.path, reader);
        }),
      );
    }
    socket.destroy();
    return measures;
  };
  return (await Promise.all(Array.from({ length: plan.atOnce }, fetchAll))).flat();
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
