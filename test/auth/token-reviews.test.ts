import { inspect } from 'node:util';
import { Readable } from 'node:stream';
import { beforeEach, describe, expect, test } from 'vitest';
import { BearerCredential } from '../../src/auth/authenticate.ts';
import { Authorizer } from '../../src/auth/authorize.ts';
import { Callers } from '../../src/auth/callers.ts';
import { NO_PEER } from '../../src/auth/certificate.ts';
import { NamedCredential } from '../../src/auth/named.ts';
import type { Reviewer } from '../../src/auth/review.ts';
import { TokenReviews } from '../../src/auth/token-reviews.ts';
import { asking } from './support.ts';

const ours = 'https://watershed.example.com';
const robot = {
  username: 'system:serviceaccount:a:robot',
  uid: 'u-1',
  groups: ['system:serviceaccounts', 'system:authenticated'],
  extra: { 'authentication.kubernetes.io/pod-name': ['robot-1'] },
};
const vouched = { authenticated: true, user: robot, audiences: [ours] };

function tokenFor(aud: unknown, more: object = {}): string {
  const part = (claims: object): string =>
    Buffer.from(JSON.stringify(claims)).toString('base64url');
  return `${part({ alg: 'none' })}.${part({ aud, ...more })}.c2ln`;
}

function bearing(token: string): BearerCredential {
  return new BearerCredential(['Authorization', `Bearer ${token}`]);
}

let status: unknown;
let code: number;
let asked: { readonly path: string; readonly spec: Record<string, unknown> }[];
let nowMs: number;
let hold: Promise<void>;
/** Of the next questions, cut off without an answer. */
let cuts: number;

/** Answers TokenReviews with `status`, and allows everything. */
const reviewer: Reviewer = {
  async open(path, request) {
    const body = JSON.parse(String(request.body));
    asked.push({ path, spec: body.spec });
    await hold;
    if (cuts-- > 0) throw Object.assign(new Error('cut'), { code: 'reset' });
    const answer = path.endsWith('/tokenreviews')
      ? { ...body, status }
      : { ...body, status: { allowed: true } };
    return { status: code, body: Readable.from([Buffer.from(JSON.stringify(answer))]) };
  },
};

function reviews(more: object = {}): TokenReviews {
  return new TokenReviews(reviewer, { audiences: [ours], now: () => nowMs, ...more });
}

function tokenQuestions(): number {
  return asked.filter(({ path }) => path.endsWith('/tokenreviews')).length;
}

beforeEach(() => {
  status = vouched;
  code = 201;
  asked = [];
  nowMs = 0;
  hold = Promise.resolve();
  cuts = 0;
});

test.each([
  [ours, true],
  [[ours], true],
  [['kubernetes', ours], true],
  ['kubernetes', false],
  [['kubernetes'], false],
  [undefined, false],
  [{ [ours]: ours }, false],
  [7, false],
])('a token for %j is meant for the proxy: %s', (audience, expected) => {
  expect(reviews().isFor(bearing(tokenFor(audience)))).toBe(expected);
});

test.each(['opaque', 'a.b.c', `a.${Buffer.from('null').toString('base64url')}.c`, '..'])(
  'the token %j is upstream’s to judge',
  (token) => {
    expect(reviews().isFor(bearing(token))).toBe(false);
  },
);

test('a holder that upstream vouches for is known by all that upstream says', async () => {
  const token = tokenFor(ours);
  const caller = await reviews().callerOf(bearing(token));
  expect(caller).toBeInstanceOf(NamedCredential);
  expect((caller as NamedCredential).userInfo).toEqual({
    user: robot.username,
    uid: robot.uid,
    groups: robot.groups,
    extra: robot.extra,
  });
  expect(asked).toEqual([
    {
      path: '/apis/authentication.k8s.io/v1/tokenreviews',
      spec: { token, audiences: [ours] },
    },
  ]);
});

test('a review is asked again when its idle connection was closed, once', async () => {
  cuts = 1;
  expect(await reviews().callerOf(bearing(tokenFor(ours)))).toBeInstanceOf(NamedCredential);
  expect(tokenQuestions()).toBe(2);
  cuts = 2;
  expect(await reviews().callerOf(bearing(tokenFor(ours)))).toEqual({ kind: 'undecided' });
  expect(tokenQuestions()).toBe(4);
});

describe('a review that does not vouch', () => {
  test.each([
    ['says no', { authenticated: false }],
    ['says no, with a user', { ...vouched, authenticated: false }],
    ['says yes in a text', { ...vouched, authenticated: 'true' }],
    ['vouches for another audience', { ...vouched, audiences: ['https://kubernetes.default'] }],
    ['vouches for no audience', { ...vouched, audiences: [] }],
    ['knows no audiences', { ...vouched, audiences: undefined }],
    ['has an audience that is no list', { ...vouched, audiences: ours }],
    ['is empty', {}],
    ['names nobody', { ...vouched, user: { ...robot, username: '' } }],
    ['names the anonymous', { ...vouched, user: { ...robot, username: 'system:anonymous' } }],
    ['has a torn name', { ...vouched, user: { ...robot, username: 'a\r\nImpersonate-User: b' } }],
    ['has a torn group', { ...vouched, user: { ...robot, groups: [' system:masters'] } }],
    ['has a torn extra', { ...vouched, user: { ...robot, extra: { key: ['a\nb'] } } }],
  ])('and %s is 401', async (_, said) => {
    status = said;
    const caller = await reviews().callerOf(bearing(tokenFor(ours)));
    expect(caller).toMatchObject({ kind: 'refused', status: { code: 401 } });
  });

  test.each([
    ['has a user without a name', () => (status = { ...vouched, user: {} })],
    [
      'has groups that are no texts',
      () => (status = { ...vouched, user: { ...robot, groups: 7 } }),
    ],
    ['was refused', () => (code = 403)],
    ['failed', () => (code = 500)],
    ['broke off', () => (hold = Promise.reject(new Error('gone')))],
  ])('and %s decides nothing', async (_, change) => {
    change();
    hold.catch(() => {});
    const known = reviews();
    expect(await known.callerOf(bearing(tokenFor(ours)))).toEqual({ kind: 'undecided' });
    code = 201;
    status = vouched;
    hold = Promise.resolve();
    expect((await known.callerOf(bearing(tokenFor(ours)))).kind).toBe('named');
  });
});

describe('what upstream said', () => {
  test.each([
    ['known', vouched],
    ['unknown', { authenticated: false }],
  ])('is remembered for ten seconds: %s', async (_, said) => {
    status = said;
    const known = reviews();
    const token = bearing(tokenFor(ours));
    for (nowMs = 0; nowMs < 10_000; nowMs += 1000) await known.callerOf(token);
    expect(tokenQuestions()).toBe(1);
    await known.callerOf(token);
    expect(tokenQuestions()).toBe(2);
  });

  test('is asked for once at a time', async () => {
    const known = reviews();
    const token = bearing(tokenFor(ours));
    await Promise.all([known.callerOf(token), known.callerOf(token), known.callerOf(token)]);
    expect(tokenQuestions()).toBe(1);
  });

  test('is not believed beyond the end that the token has itself', async () => {
    const known = reviews();
    const token = bearing(tokenFor(ours, { exp: 3 }));
    await known.callerOf(token);
    nowMs = 3000;
    status = { authenticated: false };
    expect((await known.callerOf(token)).kind).toBe('refused');
  });

  test('is asked about few tokens at once, and the others are told to come again', async () => {
    let go = (): void => {};
    hold = new Promise((resolve) => (go = resolve));
    const known = reviews({ maxReviews: 2 });
    const first = ['1', '2'].map((jti) => known.callerOf(bearing(tokenFor(ours, { jti }))));
    const third = await known.callerOf(bearing(tokenFor(ours, { jti: '3' })));
    expect(third).toEqual({ kind: 'undecided' });
    go();
    expect((await Promise.all(first)).map(({ kind }) => kind)).toEqual(['named', 'named']);
  });
});

test('made-up tokens leave places for those that were good before', async () => {
  const known = reviews({ maxReviews: 4 });
  const good = bearing(tokenFor(ours));
  expect((await known.callerOf(good)).kind).toBe('named');
  nowMs = 10_000;
  let go = (): void => {};
  hold = new Promise((resolve) => (go = resolve));
  const madeUp = ['1', '2', '3', '4'].map((jti) =>
    known.callerOf(bearing(tokenFor(ours, { jti }))),
  );
  const again = known.callerOf(good);
  expect(await madeUp[3]).toEqual({ kind: 'undecided' });
  go();
  expect((await again).kind).toBe('named');
});

describe('a caller', () => {
  const forwarder = { forward: () => Promise.reject(new Error('nobody travels with a token')) };
  let tokens: TokenReviews;
  let authorizer: Authorizer;
  let callers: Callers;

  beforeEach(() => {
    tokens = reviews();
    authorizer = new Authorizer({ forwarder, reviewer }, { now: () => nowMs });
    callers = new Callers(authorizer, tokens, () => nowMs);
  });

  const headers = (...more: string[]): string[] => [
    'Authorization',
    `Bearer ${tokenFor(ours)}`,
    ...more,
  ];

  test('with a token of the proxy’s is known by name, on an upgrade as well', async () => {
    const upgrade = headers('Connection', 'Upgrade', 'Upgrade', 'SPDY/3.1');
    for (const raw of [headers(), upgrade]) {
      expect((await callers.of(raw, NO_PEER)).kind).toBe('named');
    }
  });

  test('with any other token is itself', async () => {
    const raw = ['Authorization', `Bearer ${tokenFor('kubernetes')}`];
    expect((await callers.of(raw, NO_PEER)).kind).toBe('bearer');
    expect(asked).toEqual([]);
  });

  test('that impersonates is asked about by its own name first', async () => {
    const caller = await callers.of(headers('Impersonate-User', 'bob'), NO_PEER);
    expect(caller).toMatchObject({ kind: 'impersonated', named: { userInfo: { user: 'bob' } } });
    expect(asked.at(-1)?.spec).toMatchObject({
      user: robot.username,
      resourceAttributes: { verb: 'impersonate', resource: 'users', name: 'bob' },
    });
  });

  test('whose token was taken back is allowed nothing more', async () => {
    const caller = await callers.of(headers(), NO_PEER);
    if (caller.kind !== 'named') throw new Error(caller.kind);
    expect((await authorizer.authorize(caller, asking())).kind).toBe('allow');
    status = { authenticated: false };
    nowMs = 10_000;
    expect(await authorizer.askAgain(caller, asking())).toEqual({
      kind: 'deny',
      reason: 'unauthenticated',
    });
    code = 500;
    nowMs = 20_000;
    expect((await authorizer.askAgain(caller, asking())).kind).toBe('undecided');
  });

  test('with two tokens is two callers, and neither prints its token', async () => {
    const [one, two] = await Promise.all(
      ['1', '2'].map((jti) => tokens.callerOf(bearing(tokenFor(ours, { jti })))),
    );
    if (one.kind !== 'named' || two.kind !== 'named') throw new Error('not known');
    expect(one.digest).not.toBe(two.digest);
    expect(inspect(one, { depth: 9 }) + JSON.stringify(one)).not.toContain(
      tokenFor(ours).slice(0, 20),
    );
  });
});
