import { afterEach, describe, expect, test } from 'vitest';
import { Reflector, type ReflectorLimits } from '../../src/watch/reflector.ts';
import { FakeClock, until } from '../support/clock.ts';
import { NaiveLane } from '../support/naive-lane.ts';
import { PODS, ScriptedUpstream } from '../support/scripted-upstream.ts';

interface Bench {
  readonly upstream: ScriptedUpstream;
  readonly lane: NaiveLane;
  readonly clock: FakeClock;
  readonly reflector: Reflector;
  /** Lets things happen until the lane holds what upstream holds and is live. */
  settled(): Promise<void>;
}

const benches: Bench[] = [];

async function bench(
  prepare: (upstream: ScriptedUpstream) => void = () => {},
  limits: Partial<ReflectorLimits> = {},
  doubt?: () => boolean,
): Promise<Bench> {
  const upstream = await ScriptedUpstream.listen();
  prepare(upstream);
  const lane = new NaiveLane();
  const clock = new FakeClock();
  const { reader } = upstream;
  const reflector = new Reflector({ resource: PODS, writer: lane, reader, clock, limits, doubt });
  const settled = async (): Promise<void> => {
    await until(
      () =>
        lane.state?.kind === 'live' &&
        lane.contents().join() === upstream.contents().join() &&
        upstream.open('watch') + upstream.open('watch-list') === 1,
      `the lane to hold ${upstream.contents().join()}: it is ${lane.state?.kind} with ${lane.contents().join()}`,
    );
  };
  const made = { upstream, lane, clock, reflector, settled };
  benches.push(made);
  reflector.start();
  return made;
}

/** Waits for a back-off to begin, then lets exactly that much time pass: its timer is the only one then. */
async function passWait({ reflector, clock }: Bench): Promise<void> {
  await until(() => reflector.state.phase.kind === 'waiting', 'a wait');
  await clock.advance(clock.pending[0]);
}

afterEach(async () => {
  for (const { reflector, upstream } of benches.splice(0)) {
    await reflector.stop('the test is over');
    await upstream.close();
  }
});

function fill(upstream: ScriptedUpstream, objects: number): void {
  for (let k = 0; k < objects; k++) upstream.put(`web-${k}`);
}

describe('a streaming list', () => {
  test('fills the lane, then goes on as its watch', async () => {
    const { upstream, lane, reflector, settled } = await bench((up) => fill(up, 3));
    await settled();
    expect(upstream.count('list')).toBe(0);
    expect(lane.frontier).toBe(103);
    upstream.put('web-1');
    upstream.delete('web-0');
    upstream.put('web-9');
    await settled();
    expect(lane.eventRevisions()).toEqual([104, 105, 106]);
    expect(upstream.requests.map(({ kind }) => kind)).toEqual(['watch-list']);
    expect(reflector.counters).toMatchObject({
      listed: 3,
      lists: 1,
      added: 1,
      modified: 1,
      deleted: 1,
      bookmarks: 1,
      garbage: 0,
    });
    const query = upstream.requests[0].url.searchParams;
    expect(Object.fromEntries(query)).toEqual({
      watch: '1',
      allowWatchBookmarks: 'true',
      sendInitialEvents: 'true',
      resourceVersionMatch: 'NotOlderThan',
      resourceVersion: '',
      timeoutSeconds: '450',
    });
  });

  test('arrives in any pieces', async () => {
    const { upstream, settled } = await bench((up) => {
      up.pieceBytes = 7;
      fill(up, 5);
    });
    await settled();
    upstream.put('late');
    await settled();
  });

  test('that is cut before its mark leaves the lane as it was and is asked for again', async () => {
    const made = await bench((up) => {
      fill(up, 2);
      up.answers['watch-list'].push({
        kind: 'text',
        text: '{"type":"ADDED","object":{"metadata":{"name":"a","resourceVersion":"5"}}}\n',
      });
    });
    await passWait(made);
    await made.settled();
    expect(made.lane.abandoned).toBe(1);
    expect(made.lane.contents()).toEqual(['default/web-0@101', 'default/web-1@102']);
    expect(made.lane.states.map(({ kind }) => kind)).toEqual(['live']);
  });

  test.each([
    ['refuses it', { kind: 'status' as const, code: 422 }],
    [
      'sends a change before the mark',
      {
        kind: 'text' as const,
        text: '{"type":"MODIFIED","object":{"metadata":{"name":"a","resourceVersion":"5"}}}\n',
      },
    ],
    [
      'sends an ordinary bookmark',
      {
        kind: 'text' as const,
        text: '{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"5"}}}\n',
      },
    ],
  ])('gives way to pages when upstream %s', async (_name, answer) => {
    const made = await bench((up) => {
      fill(up, 3);
      up.answers['watch-list'].push(answer);
    });
    await made.settled();
    expect(made.upstream.requests.map(({ kind }) => kind)).toEqual(['watch-list', 'list', 'watch']);
  });

  test('gives way to pages when upstream opens the stream and stays silent', async () => {
    const made = await bench((up) => {
      fill(up, 3);
      up.answers['watch-list'].push({ kind: 'silence' });
    });
    await until(() => made.reflector.loading, 'the answer');
    await made.clock.advance(30_000);
    await made.settled();
    expect(made.upstream.requests.map(({ kind }) => kind)).toEqual(['watch-list', 'list', 'watch']);
  });

  test('that is never answered is asked for again', async () => {
    const made = await bench((up) => {
      fill(up, 3);
      up.answers['watch-list'].push({ kind: 'hang' });
    });
    await until(() => made.upstream.count('watch-list') === 1, 'the request');
    await made.clock.advance(30_000);
    await passWait(made);
    await made.settled();
    expect(made.upstream.count('watch-list')).toBe(2);
  });
});

describe('a list in pages', () => {
  test('takes all of them at one revision, and watches from there', async () => {
    const made = await bench((up) => {
      up.streamingLists = false;
      fill(up, 1201);
    });
    await made.settled();
    const lists = made.upstream.requests.filter(({ kind }) => kind === 'list');
    expect(lists.map(({ url }) => url.search)).toEqual([
      '?limit=500',
      '?limit=500&continue=1301%3A500',
      '?limit=500&continue=1301%3A1000',
    ]);
    expect(made.upstream.requests.at(-1)?.url.searchParams.get('resourceVersion')).toBe('1301');
    made.upstream.put('late');
    await made.settled();
    expect(made.lane.eventRevisions()).toEqual([1302]);
  });

  test('misses no write made while it is read', async () => {
    let pages = 0;
    const made = await bench((up) => {
      up.streamingLists = false;
      fill(up, 600);
      up.duringList = () => {
        if (pages++ === 0) up.put('web-599');
      };
    });
    await made.settled();
    expect(made.lane.eventRevisions()).toEqual([701]);
  });

  test('starts over with larger pages when its token expires', async () => {
    let pages = 0;
    const made = await bench((up) => {
      up.streamingLists = false;
      fill(up, 600);
      up.duringList = () => {
        if (pages++ > 0) return;
        up.elsewhere();
        up.forget();
      };
    });
    await made.settled();
    const lists = made.upstream.requests.filter(({ kind }) => kind === 'list');
    expect(lists.map(({ url }) => url.searchParams.get('limit'))).toEqual(['500', '500', '2000']);
    expect(made.lane.abandoned).toBe(1);
  });

  test.each([
    ['no JSON', 'nonsense', 'list body'],
    ['an item without a name', '{"metadata":{"resourceVersion":"5"},"items":[{}]}', 'list item 0'],
    ['no revision', '{"metadata":{},"items":[]}', 'list without'],
  ])('that is %s fails and is asked for again', async (_name, text, reason) => {
    const made = await bench((up) => {
      up.streamingLists = false;
      fill(up, 2);
      up.answers.list.push({ kind: 'text', text });
    });
    await until(() => made.reflector.state.phase.kind === 'waiting', 'a wait');
    expect(made.reflector.counters.lastError).toContain(reason);
    await passWait(made);
    await made.settled();
  });
});

describe('after the watch ends', () => {
  test('cleanly, it resumes at once at the last revision', async () => {
    const made = await bench((up) => fill(up, 2));
    await made.settled();
    await made.clock.advance(80_000);
    made.upstream.put('web-0');
    await made.settled();
    made.upstream.end('watch-list');
    await until(() => made.upstream.open('watch') === 1, 'the next watch');
    const { searchParams } = made.upstream.requests.at(-1)!.url;
    expect(searchParams.get('resourceVersion')).toBe('103');
    expect(made.lane.states).toEqual([{ kind: 'live' }]);
    expect(made.clock.pending.length).toBe(1);
    made.upstream.put('web-1');
    await made.settled();
    expect(made.lane.eventRevisions()).toEqual([103, 104]);
  });

  test('before its time, it lists anew while the definition may have changed', async () => {
    let doubted = true;
    const made = await bench(
      (up) => fill(up, 2),
      {},
      () => doubted,
    );
    await made.settled();
    await made.clock.advance(80_000);
    made.upstream.put('web-0');
    await made.settled();
    made.upstream.end('watch-list');
    await until(() => made.upstream.count('watch-list') === 2, 'the next list');
    await made.settled();
    doubted = false;
    await made.clock.advance(80_000);
    made.upstream.put('web-0');
    await made.settled();
    made.upstream.end('watch-list');
    await until(() => made.upstream.open('watch') === 1, 'the next watch');
    expect(made.upstream.count('watch-list')).toBe(2);
  });

  test('by a cut, a nudge ends the wait', async () => {
    const made = await bench((up) => fill(up, 2));
    await made.settled();
    made.upstream.cut('watch-list');
    await until(() => made.reflector.state.phase.kind === 'waiting', 'a wait');
    made.reflector.nudge();
    // No time passes on this clock by itself.
    await made.settled();
    made.reflector.nudge();
    expect(made.upstream.open('watch')).toBe(1);
  });

  test('by a cut, it resumes after a wait, and nothing is lost or repeated', async () => {
    const made = await bench((up) => fill(up, 2));
    await made.settled();
    for (let round = 0; round < 5; round++) {
      made.upstream.put(`before-${round}`);
      await made.settled();
      made.upstream.cut(round === 0 ? 'watch-list' : 'watch');
      made.upstream.put(`while-${round}`);
      made.upstream.delete(`before-${round}`);
      await until(() => made.lane.state?.kind === 'disconnected', 'the lane to know');
      await passWait(made);
      await made.settled();
    }
    expect(made.lane.loads).toBe(1);
    expect(made.lane.eventRevisions()).toEqual(Array.from({ length: 15 }, (_, k) => 103 + k));
    expect(made.lane.duplicates).toBe(0);
  });

  test('it resumes at the bookmark, when that was the last word', async () => {
    const made = await bench((up) => fill(up, 1));
    await made.settled();
    made.upstream.elsewhere(50);
    made.upstream.bookmark();
    await until(() => made.lane.frontier === 151, 'the bookmark');
    made.upstream.cut('watch-list');
    await passWait(made);
    await made.settled();
    expect(made.upstream.requests.at(-1)?.url.searchParams.get('resourceVersion')).toBe('151');
    expect(made.lane.bookmarks.length).toBe(2);
  });

  test('while upstream is away, the lane says since when, and why', async () => {
    const made = await bench((up) => fill(up, 1));
    await made.settled();
    made.upstream.answers.watch.push({ kind: 'reset' }, { kind: 'status', code: 503 });
    made.upstream.cut('watch-list');
    await until(() => made.lane.state?.kind === 'disconnected', 'the lane to know');
    const since = made.clock.now();
    await passWait(made);
    await until(() => made.reflector.state.failures === 2, 'the second failure');
    await passWait(made);
    await until(() => made.reflector.state.failures === 3, 'the third failure');
    expect(made.lane.state).toEqual({ kind: 'disconnected', since, reason: 'HTTP 503: no: 503' });
    await passWait(made);
    await made.settled();
    expect(made.lane.loads).toBe(1);
  });

  test('HTTP 429 is waited out as long as Retry-After says', async () => {
    const made = await bench((up) => fill(up, 1));
    await made.settled();
    const headers = { 'retry-after': '20' };
    made.upstream.answers.watch.push({ kind: 'status', code: 429, headers });
    made.upstream.cut('watch-list');
    await passWait(made);
    await until(() => made.reflector.state.failures === 2, 'the refusal');
    expect(made.clock.pending).toEqual([22_000]);
    await passWait(made);
    await made.settled();
  });

  test('by an ERROR 429, it resumes after the wait it asks for', async () => {
    const made = await bench((up) => fill(up, 1));
    await made.settled();
    made.upstream.sendError('watch-list', 429, 'TooManyRequests', 10);
    await until(() => made.reflector.state.phase.kind === 'waiting', 'the wait');
    expect(made.clock.pending).toEqual([11_000]);
    await passWait(made);
    await made.settled();
    expect(made.lane.loads).toBe(1);
  });
});

describe('an expired revision', () => {
  test.each([
    ['in the stream', (up: ScriptedUpstream) => up.forget()],
    ['as HTTP 410', (up: ScriptedUpstream) => up.answers.watch.push({ kind: 'status', code: 410 })],
  ])('%s is followed by a new list, whose difference the lane takes', async (_name, expire) => {
    const made = await bench((up) => fill(up, 5));
    await made.settled();
    made.upstream.cut('watch-list');
    await until(() => made.lane.state?.kind === 'disconnected', 'the lane to know');
    made.upstream.delete('web-0');
    made.upstream.put('web-1');
    made.upstream.put('new');
    expire(made.upstream);
    await passWait(made);
    await passWait(made);
    await made.settled();
    expect(made.lane.loads).toBe(2);
    expect(made.reflector.epoch).toBe(2);
    expect(made.reflector.loading).toBe(false);
  });
});

describe('garbage', () => {
  test.each([
    ['no JSON', 'nonsense\n'],
    ['an unknown type', '{"type":"RENAMED","object":{}}\n'],
    ['no revision', '{"type":"ADDED","object":{"metadata":{"name":"a"}}}\n'],
    ['no name', '{"type":"ADDED","object":{"metadata":{"resourceVersion":"999"}}}\n'],
    [
      'a revision that is none',
      '{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"0x1"}}}\n',
    ],
    ['a frame without end', 'x'.repeat(70_000)],
  ])('of the form "%s" ends the connection; the rest is resumed', async (_name, text) => {
    const made = await bench((up) => fill(up, 2), { maxFrameBytes: 65_536 });
    await made.settled();
    made.upstream.put('web-0');
    await made.settled();
    made.upstream.say(
      'watch-list',
      `${text}{"type":"DELETED","object":{"metadata":{"name":"web-0","namespace":"default","resourceVersion":"9999"}}}\n`,
    );
    await passWait(made);
    made.upstream.put('web-1');
    await made.settled();
    expect(made.reflector.counters.garbage).toBe(1);
    expect(made.lane.loads).toBe(1);
    expect(made.lane.eventRevisions()).toEqual([103, 104]);
  });

  test('three times at one revision is answered with a new list', async () => {
    const made = await bench((up) => fill(up, 2));
    await made.settled();
    const garbage = { kind: 'text' as const, text: 'nonsense\n' };
    made.upstream.answers.watch.push(garbage, garbage);
    made.upstream.say('watch-list', 'nonsense\n');
    for (let k = 0; k < 3; k++) await passWait(made);
    await made.settled();
    expect(made.lane.loads).toBe(2);
    expect(made.reflector.counters.garbage).toBe(3);
  });
});

describe('silence', () => {
  test('of 90 s opens the watch anew without telling anybody', async () => {
    const made = await bench((up) => fill(up, 2));
    await made.settled();
    await made.clock.advance(89_000);
    expect(made.upstream.requests.length).toBe(1);
    made.upstream.bookmark();
    await until(() => made.lane.bookmarks.length === 2, 'the bookmark');
    await made.clock.advance(89_000);
    expect(made.upstream.requests.length).toBe(1);
    await made.clock.advance(2_000);
    await until(() => made.upstream.open('watch') === 1, 'the next watch');
    expect(made.upstream.requests.map(({ kind }) => kind)).toEqual([
      'watch-list',
      'probe',
      'watch',
    ]);
    expect(made.reflector.counters.stalls).toBe(1);
    expect(made.lane.states).toEqual([{ kind: 'live' }]);
  });

  test('because upstream was set back is answered with a new list', async () => {
    const made = await bench((up) => fill(up, 2));
    await made.settled();
    made.upstream.restore(50);
    await made.clock.advance(91_000);
    await made.settled();
    expect(made.lane.loads).toBe(2);
    expect(made.lane.frontier).toBe(50);
  });

  test('instead of an answer is bounded', async () => {
    const made = await bench((up) => fill(up, 1));
    await made.settled();
    made.upstream.answers.watch.push({ kind: 'hang' });
    made.upstream.cut('watch-list');
    await passWait(made);
    await until(() => made.upstream.count('watch') === 1, 'the request');
    await made.clock.advance(30_000);
    await until(() => made.reflector.state.failures === 2, 'the failure');
    expect(made.reflector.counters.lastError).toBe('no answer within 30000 ms');
    await passWait(made);
    await made.settled();
  });
});

describe('stopping', () => {
  test.each([
    ['the list is under way', { kind: 'hang' as const }],
    ['it waits', { kind: 'reset' as const }],
  ])('while %s ends it and closes the lane', async (_name, answer) => {
    const made = await bench((up) => up.answers['watch-list'].push(answer));
    await until(() => made.upstream.requests.length === 1, 'the request');
    await made.reflector.stop('unused');
    expect(made.lane.state).toEqual({ kind: 'closed', reason: 'unused' });
    expect(made.reflector.state.phase).toEqual({ kind: 'stopped', reason: 'unused' });
    expect(made.clock.pending).toEqual([]);
  });

  test('while watching closes the connection', async () => {
    const made = await bench((up) => fill(up, 1));
    await made.settled();
    await made.reflector.stop('unused');
    await until(() => made.upstream.open('watch-list') === 0, 'the connection to close');
    made.upstream.put('late');
    expect(made.lane.contents()).toEqual(['default/web-0@101']);
    expect(made.clock.pending).toEqual([]);
  });

  test('before the start closes the lane, too', async () => {
    const lane = new NaiveLane();
    const { reader } = benches[0]?.upstream ?? (await bench()).upstream;
    const reflector = new Reflector({ resource: PODS, writer: lane, reader });
    await reflector.stop('never needed');
    expect(lane.state).toEqual({ kind: 'closed', reason: 'never needed' });
  });
});

test('a lane that throws is closed, and its fault is handed on', async () => {
  const upstream = await ScriptedUpstream.listen();
  fill(upstream, 1);
  const lane = new NaiveLane();
  const faults: unknown[] = [];
  const { reader } = upstream;
  const clock = new FakeClock();
  const onFault = (fault: unknown): unknown => faults.push(fault);
  const reflector = new Reflector({ resource: PODS, writer: lane, reader, clock, onFault });
  reflector.start();
  await until(() => lane.state?.kind === 'live', 'the list');
  lane.failWith = new Error('out of slabs');
  upstream.put('web-0');
  await until(() => faults.length === 1, 'the fault');
  expect(faults).toEqual([lane.failWith]);
  expect(lane.state).toEqual({ kind: 'closed', reason: 'the lane failed: out of slabs' });
  await reflector.stop('over');
  await upstream.close();
});
