/**
 * The floods of `npm run floods`, of the size that auth.md 6.3 gives them (tests 32, 33, 39 to 41, and LISTs): a bounded
 * number of connections at once, held until the proxy closes them; where the test gives a rate, a second's worth each
 * second. A relentless attacker begins anew as soon as he was cut, or after two seconds. An attack says how many
 * connections it made and how many of them the proxy closed itself.
 */
import type { TLSSocket } from 'node:tls';
import { connect } from 'node:tls';
import {
  END_HEADERS,
  frame,
  FrameType,
  getBlock,
  headerBlock,
  request,
  rstStream,
} from '../../support/http2-frames.ts';
import { continuations, headersWithoutEnd, pings, settingsFrames, START } from './frames.ts';

export interface AttackTarget {
  readonly port: number;
  /** Of somebody who may do everything, also impersonate. */
  readonly token: string;
  /** A collection in a namespace. */
  readonly path: string;
}

export interface AttackReport {
  connections: number;
  /** Closed by the proxy before the attacker let go. */
  closed: number;
  sentMiB: number;
}

type Pairs = readonly (readonly [string, string])[];

/** What one attack does again and again. */
interface Wave {
  readonly connections: number;
  readonly alpn: 'h2' | 'http/1.1';
  /** Reads what comes; else it leaves it where it is. */
  readonly reads: boolean;
  /** Again each second: a rate, not a number. */
  readonly perSecond?: true;
  /** What is sent at once on connection `index` of all. */
  readonly bytes: (target: AttackTarget, index: number) => Buffer;
  /** What is sent every 100 ms until then. */
  readonly drip?: Buffer;
}

const DRIP_MS = 100;
const PAUSE_MS = 100;
const SECOND_MS = 1_000;
const RELENTLESS_MS = 2_000;

/** The same user as the watchers, as an identity of its own. */
const greedy = (target: AttackTarget): Pairs => [
  ['authorization', `Bearer ${target.token}`],
  ['impersonate-user', 'bench'],
];
/** Known, and allowed nothing. */
const nobody = (target: AttackTarget): Pairs => [
  ['authorization', `Bearer ${target.token}`],
  ['impersonate-user', 'nobody'],
];

function gets(count: number, path: (i: number) => string, who: Pairs): Buffer {
  const parts = Array.from({ length: count }, (_, i) =>
    request(2 * i + 1, getBlock(path(i), ...who)),
  );
  return Buffer.concat([START, ...parts]);
}

function resets(count: number, path: string): Buffer {
  const block = getBlock(path);
  const parts = Array.from({ length: count }, (_, i) => [
    request(2 * i + 1, block),
    rstStream(2 * i + 1, 8),
  ]);
  return Buffer.concat([START, ...parts.flat()]);
}

function slowBody(path: string): Buffer {
  const head = headerBlock(
    [':method', 'POST'],
    [':scheme', 'https'],
    [':path', path],
    [':authority', 'localhost'],
  );
  return Buffer.concat([START, frame(FrameType.headers, END_HEADERS, 1, head)]);
}

function behind(target: AttackTarget, bytes: Buffer): Buffer {
  const watch = request(1, getBlock(`${target.path}?watch=1`, ...greedy(target)));
  return Buffer.concat([START, watch, bytes]);
}

const WAVES: Readonly<Record<string, Wave>> = {
  'rapid reset': {
    connections: 20,
    alpn: 'h2',
    reads: true,
    bytes: ({ path }) => resets(5_000, path),
  },
  CONTINUATION: {
    connections: 20,
    alpn: 'h2',
    reads: true,
    bytes: () => Buffer.concat([START, continuations(2_000)]),
  },
  'HEADERS without end': {
    connections: 100,
    alpn: 'h2',
    reads: true,
    bytes: () => Buffer.concat([START, headersWithoutEnd()]),
  },
  PING: {
    connections: 10,
    alpn: 'h2',
    reads: true,
    bytes: (target) => behind(target, pings(500)),
    drip: pings(500),
  },
  SETTINGS: {
    connections: 10,
    alpn: 'h2',
    reads: true,
    bytes: (target) => behind(target, settingsFrames(500)),
    drip: settingsFrames(500),
  },
  'slow headers': {
    connections: 100,
    alpn: 'http/1.1',
    reads: true,
    bytes: () => Buffer.from('GET / HTTP/1.1\r\nHost: a\r\nX-Slow: '),
    drip: Buffer.from('b'),
  },
  'slow body': {
    connections: 100,
    alpn: 'h2',
    reads: true,
    bytes: ({ path }) => slowBody(path),
  },
  'selectors, 10,000': {
    connections: 20,
    alpn: 'h2',
    reads: true,
    bytes: (target, index) =>
      gets(
        500,
        (i) => `${target.path}?watch=1&labelSelector=app%3Da${index * 500 + i}`,
        greedy(target),
      ),
  },
  'selector of 1 MiB': {
    connections: 10,
    alpn: 'http/1.1',
    reads: true,
    bytes: ({ path }) =>
      Buffer.from(`GET ${path}?labelSelector=${'a'.repeat(1024 ** 2)} HTTP/1.1\r\nHost: a\r\n\r\n`),
  },
  'watchers that never read, 2,000': {
    connections: 100,
    alpn: 'h2',
    reads: false,
    bytes: (target) => gets(20, () => `${target.path}?watch=1`, greedy(target)),
  },
  'LISTs of one, 1,000': {
    connections: 4,
    alpn: 'h2',
    reads: true,
    perSecond: true,
    bytes: (target) => gets(250, () => target.path, greedy(target)),
  },
  'permission questions': {
    connections: 4,
    alpn: 'h2',
    reads: true,
    perSecond: true,
    bytes: (target, index) =>
      gets(250, (i) => `/api/v1/namespaces/n${index}-${i}/configmaps`, nobody(target)),
  },
  'revoked token': {
    connections: 4,
    alpn: 'h2',
    reads: true,
    perSecond: true,
    bytes: ({ path }) => gets(250, () => path, [['authorization', 'Bearer revoked']]),
  },
};

/** Not a flood: the attacker's processor time without anything sent. What a busy neighbour alone does to the others. */
export const BUSY = 'none, attacker busy';

export const ATTACKS: readonly string[] = [BUSY, ...Object.keys(WAVES)];

export interface AttackOptions {
  readonly durationMs: number;
  readonly relentless: boolean;
}

/** Attacks for `durationMs`, and lets go of everything. */
export async function attack(
  name: string,
  target: AttackTarget,
  { durationMs, relentless }: AttackOptions,
): Promise<AttackReport> {
  const report: AttackReport = { connections: 0, closed: 0, sentMiB: 0 };
  const endsAt = performance.now() + durationMs;
  if (name === BUSY) {
    await busy(endsAt);
    return report;
  }
  const wave = WAVES[name];
  for (let begun = 0; ; begun += wave.connections) {
    const first = begun;
    const leftMs = endsAt - performance.now();
    const holdMs = wave.perSecond ? SECOND_MS : relentless ? RELENTLESS_MS : leftMs;
    await Promise.all(
      Array.from({ length: wave.connections }, (_, i) =>
        hold(wave, wave.bytes(target, first + i), {
          target,
          holdMs: Math.min(leftMs, holdMs),
          report,
        }),
      ),
    );
    if (!relentless && !wave.perSecond) break;
    await pause(PAUSE_MS);
    if (performance.now() >= endsAt) break;
  }
  return report;
}

interface Held {
  readonly target: AttackTarget;
  readonly holdMs: number;
  readonly report: AttackReport;
}

/** One connection from its start to its end. */
function hold(wave: Wave, bytes: Buffer, { target, holdMs, report }: Held): Promise<void> {
  return new Promise((resolve) => {
    let letGo = false;
    const socket: TLSSocket = connect({
      host: '127.0.0.1',
      port: target.port,
      ALPNProtocols: [wave.alpn],
      // The proxy made its certificate itself a moment ago.
      rejectUnauthorized: false,
    });
    const timer = setTimeout(() => {
      letGo = true;
      socket.destroy();
    }, holdMs);
    let drip: NodeJS.Timeout | undefined;
    report.connections++;
    socket.on('error', () => {});
    if (wave.reads) socket.resume();
    else socket.pause();
    socket.once('secureConnect', () => {
      socket.write(bytes);
      report.sentMiB += bytes.length / 1024 ** 2;
      const more = wave.drip;
      if (more !== undefined) drip = setInterval(() => socket.write(more), DRIP_MS);
    });
    socket.once('close', () => {
      clearTimeout(timer);
      clearInterval(drip);
      if (!letGo) report.closed++;
      resolve();
    });
  });
}

/** Half of the time at work, as the floods are. */
async function busy(endsAt: number): Promise<void> {
  while (performance.now() < endsAt) {
    const until = performance.now() + 20;
    while (performance.now() < until);
    await pause(20);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
