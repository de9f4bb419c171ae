import { describe, expect, test } from 'vitest';
import { Authorized, Authorizer } from '../../src/auth/authorize.ts';
import type { AuthorizerOptions, Decision } from '../../src/auth/authorize.ts';
import { Upstream } from '../../src/upstream/upstream.ts';
import { useServers } from '../upstream/support/harness.ts';
import { answer, plainCluster } from '../upstream/support/server.ts';
import type { ServerResponse } from '../upstream/support/server.ts';
import { asking, caller, ScriptedReviews } from './support.ts';

const { closing, servePlain } = useServers();

async function setUp(options: Partial<AuthorizerOptions> = {}) {
  const reviews = new ScriptedReviews();
  const { server, upstream } = await servePlain((request, response) => {
    void reviews.handle(request, response);
  });
  const clock = { nowMs: 1_000_000 };
  const now = (): number => clock.nowMs;
  return {
    server,
    reviews,
    clock,
    authorizer: new Authorizer({ forwarder: upstream }, { now, ...options }),
  };
}

function reasonOf(decision: Decision): string {
  return decision.kind === 'allow' ? 'allow' : `${decision.kind}: ${decision.reason}`;
}

describe('the review', () => {
  test('is made with exactly the caller’s identity headers', async () => {
    const { authorizer, reviews } = await setUp();
    const as = ['Impersonate-User', 'jane', 'Impersonate-Group', 'g1', 'Impersonate-Group', 'g2'];
    await authorizer.authorize(caller('alice', ...as), asking());
    const identity = reviews.seen[0].rawHeaders.filter((_, at, all) =>
      /^(authorization|impersonate-.*|x-remote-.*)$/i.test(all[at - (at % 2)]),
    );
    expect(identity).toEqual(['Authorization', 'Bearer alice', ...as]);
  });

  test('asks first without name and selectors, then exactly, with raw selectors', async () => {
    const { authorizer, reviews } = await setUp();
    reviews.allows = (attributes) => attributes['name'] === 'x';
    const exact = asking({
      verb: 'watch',
      group: 'apps',
      resource: 'deployments',
      name: 'x',
      rawFieldSelector: 'metadata.name==x',
      rawLabelSelector: 'a in (b , c)',
    });
    const decision = await authorizer.authorize(caller(), exact);
    expect(reviews.seen.map(({ spec }) => spec)).toEqual([
      {
        resourceAttributes: {
          namespace: 'a',
          verb: 'watch',
          group: 'apps',
          version: 'v1',
          resource: 'deployments',
        },
      },
      {
        resourceAttributes: {
          namespace: 'a',
          verb: 'watch',
          group: 'apps',
          version: 'v1',
          resource: 'deployments',
          name: 'x',
          fieldSelector: { rawSelector: 'metadata.name==x' },
          labelSelector: { rawSelector: 'a in (b , c)' },
        },
      },
    ]);
    expect(decision).toMatchObject({ kind: 'allow', authorized: { question: exact } });
  });

  const answers: readonly [string, (response: ServerResponse) => void, string][] = [
    ['allowed', review({ allowed: true }), 'allow'],
    ['not allowed', review({ allowed: false }), 'deny: forbidden'],
    ['allowed and denied', review({ allowed: true, denied: true }), 'deny: forbidden'],
    ['allowed with an evaluation error', review({ allowed: true, evaluationError: 'x' }), 'allow'],
    ['no status', review(undefined), 'undecided: not a review'],
    ['an empty status', review({}), 'undecided: not a review'],
    ['allowed as text', review({ allowed: 'true' }), 'undecided: not a review'],
    [
      'another kind',
      (r) => answer(r, 201, { kind: 'Status', status: { allowed: true } }),
      'undecided: not a review',
    ],
    ['HTML', (r) => answer(r, 200, '<html>'), 'undecided: not a review'],
    ['null', (r) => answer(r, 200, 'null'), 'undecided: not a review'],
    ['too long', (r) => answer(r, 200, 'x'.repeat(300_000)), 'undecided: error'],
    ['401', (r) => answer(r, 401, {}), 'deny: unauthenticated'],
    ['403', (r) => answer(r, 403, {}), 'deny: refused'],
    ['404', (r) => answer(r, 404, {}), 'deny: refused'],
    ['302', (r) => answer(r, 302, {}), 'deny: refused'],
    ['429', (r) => answer(r, 429, {}), 'undecided: status 429'],
    ['503', (r) => answer(r, 503, {}), 'undecided: status 503'],
    ['a cut connection', (r) => r.destroy(), 'undecided: reset'],
    ['silence', () => {}, 'undecided: aborted'],
  ];

  test.each(answers)('answered with %s', async (_name, respond, expected) => {
    // Only silence has to be waited for; a busy machine may be late with everything else.
    const reviewTimeoutMs = expected === 'undecided: aborted' ? 300 : 20_000;
    const { authorizer, reviews } = await setUp({ reviewTimeoutMs });
    reviews.instead = (response) => {
      respond(response);
      return true;
    };
    expect(reasonOf(await authorizer.authorize(caller(), asking()))).toBe(expected);
  });

  function review(status: unknown): (response: ServerResponse) => void {
    return (response) => answer(response, 201, { kind: 'SelfSubjectAccessReview', status });
  }

  test('is undecided when upstream is down', async () => {
    const { server, authorizer } = await setUp();
    await server.close();
    expect(reasonOf(await authorizer.authorize(caller(), asking()))).toBe('undecided: unreachable');
    expect(authorizer.counters.errors).toBe(1);
  });
});

describe('what needs no review', () => {
  test('callers without a judgeable credential are denied', async () => {
    const { authorizer, reviews } = await setUp();
    for (const credential of [
      { kind: 'none' } as const,
      { kind: 'unjudgeable', reason: 'x' } as const,
    ]) {
      const decision = await authorizer.authorize(credential, asking());
      expect(reasonOf(decision)).toBe('deny: no-credential');
    }
    expect(reviews.seen).toEqual([]);
  });

  test('questions that are too large to remember are denied', async () => {
    const { authorizer, reviews } = await setUp();
    const question = asking({ rawLabelSelector: 'a'.repeat(10_001) });
    expect(reasonOf(await authorizer.authorize(caller(), question))).toBe('deny: too-large');
    expect(reviews.seen).toEqual([]);
  });
});

describe('memory', () => {
  test('a wide allow covers every narrower question of the same verb and namespace', async () => {
    const { authorizer, reviews } = await setUp();
    await authorizer.authorize(caller(), asking());
    for (let at = 0; at < 50; at += 1) {
      const question = asking({ rawLabelSelector: `a=${at}`, name: `n${at}` });
      const decision = await authorizer.authorize(caller(), question);
      expect(decision).toMatchObject({ kind: 'allow', authorized: { attributes: question } });
    }
    expect(reviews.seen).toHaveLength(1);
    await authorizer.authorize(caller(), asking({ verb: 'watch' }));
    await authorizer.authorize(caller(), asking({ namespace: 'b' }));
    await authorizer.authorize(caller(), asking({ resource: 'services' }));
    expect(reviews.seen).toHaveLength(4);
    expect(authorizer.counters).toMatchObject({ hits: 50, misses: 4, reviews: 4 });
    expect(authorizer.status).toMatchObject({ cached: 4, hits: 50, allowed: 4 });
  });

  test('a GET is covered by the right to get and to list all, at the cost of two questions', async () => {
    const { authorizer, reviews } = await setUp();
    for (let at = 0; at < 50; at += 1) {
      const decision = await authorizer.authorize(
        caller(),
        asking({ verb: 'get', name: `n${at}` }),
      );
      expect(decision.kind).toBe('allow');
    }
    expect(reviews.seen.map(({ spec }) => spec['resourceAttributes'])).toMatchObject([
      { verb: 'get', namespace: 'a', resource: 'pods' },
      { verb: 'list', namespace: 'a', resource: 'pods' },
    ]);
  });

  test('a name that an authorizer excepts is not read by the right to get the others', async () => {
    const { authorizer, reviews } = await setUp();
    reviews.allows = ({ verb, name }) => verb === 'get' && name !== 'vault';
    const get = (name: string) => authorizer.authorize(caller(), asking({ verb: 'get', name }));
    expect(reasonOf(await get('vault'))).toBe('deny: forbidden');
    expect(reasonOf(await get('other'))).toBe('allow');
  });

  test('nothing is shared between callers', async () => {
    const { authorizer, reviews } = await setUp();
    reviews.tokens.add('bob');
    await authorizer.authorize(caller('alice'), asking());
    await authorizer.authorize(caller('bob'), asking());
    await authorizer.authorize(caller('alice', 'Impersonate-User', 'bob'), asking());
    expect(reviews.seen).toHaveLength(3);
    expect(reasonOf(await authorizer.authorize(caller('eve'), asking()))).toBe(
      'deny: unauthenticated',
    );
  });

  test('allows and denials are remembered for their time, errors never', async () => {
    const { authorizer, reviews, clock } = await setUp();
    const decide = async () => reasonOf(await authorizer.authorize(caller(), asking()));
    expect(await decide()).toBe('allow');
    reviews.allows = () => false;
    clock.nowMs += 9_999;
    expect(await decide()).toBe('allow');
    clock.nowMs += 1;
    expect(await decide()).toBe('deny: forbidden');
    reviews.allows = () => true;
    clock.nowMs += 9_999;
    expect(await decide()).toBe('deny: forbidden');
    clock.nowMs += 1;
    reviews.instead = (response) => {
      answer(response, 500, {});
      return true;
    };
    expect(await decide()).toBe('undecided: status 500');
    reviews.instead = () => false;
    expect(await decide()).toBe('allow');
    expect(reviews.seen).toHaveLength(4);
  });

  test('refusals of callers that act as nodes are not remembered', async () => {
    const { authorizer, reviews } = await setUp();
    reviews.allows = () => false;
    const node = caller('alice', 'Impersonate-Group', 'system:nodes');
    expect(reasonOf(await authorizer.authorize(node, asking()))).toBe('deny: forbidden');
    reviews.allows = () => true;
    expect(reasonOf(await authorizer.authorize(node, asking()))).toBe('allow');
  });

  test('no answer outlives the token', async () => {
    const { authorizer, reviews, clock } = await setUp();
    const claims = Buffer.from(JSON.stringify({ exp: 1_003 })).toString('base64url');
    reviews.tokens.add(`h.${claims}.s`);
    const short = caller(`h.${claims}.s`);
    await authorizer.authorize(short, asking());
    clock.nowMs += 2_999;
    await authorizer.authorize(short, asking());
    expect(reviews.seen).toHaveLength(1);
    clock.nowMs += 1;
    await authorizer.authorize(short, asking());
    await authorizer.authorize(short, asking());
    expect(reviews.seen).toHaveLength(3);
  });

  test('is bounded, the least used go first', async () => {
    const { authorizer, reviews } = await setUp({ maxDecisions: 2, reviewsPerSecond: 100 });
    for (const namespace of ['a', 'b', 'a', 'c', 'a', 'b']) {
      await authorizer.authorize(caller(), asking({ namespace }));
    }
    expect(reviews.seen.map(({ spec }) => namespaceOf(spec))).toEqual(['a', 'b', 'c', 'b']);
    expect(authorizer.status.cached).toBe(2);
  });

  function namespaceOf(spec: Readonly<Record<string, unknown>>): unknown {
    return (spec['resourceAttributes'] as { namespace: unknown }).namespace;
  }
});

describe('under load', () => {
  test('one question is asked once, however many wait for it', async () => {
    const { authorizer, reviews } = await setUp();
    const decisions = await Promise.all(
      Array.from({ length: 500 }, () => authorizer.authorize(caller(), asking())),
    );
    expect(new Set(decisions.map(reasonOf))).toEqual(new Set(['allow']));
    expect(reviews.seen).toHaveLength(1);
  });

  test('one caller’s many questions are held to its budget and cost others nothing', async () => {
    const { authorizer, reviews, clock } = await setUp({ reviewsPerSecond: 5 });
    reviews.tokens.add('bob');
    const many = Array.from({ length: 100 }, (_, at) =>
      authorizer.authorize(caller(), asking({ namespace: `n${at}` })),
    );
    const outcomes = (await Promise.all(many)).map(reasonOf);
    expect(outcomes.filter((outcome) => outcome === 'allow')).toHaveLength(50);
    expect(outcomes.filter((outcome) => outcome === 'deny: busy')).toHaveLength(50);
    expect(reasonOf(await authorizer.authorize(caller('bob'), asking()))).toBe('allow');
    clock.nowMs += 1_000;
    const more = Array.from({ length: 10 }, (_, at) =>
      authorizer.authorize(caller(), asking({ namespace: `m${at}` })),
    );
    const allowed = (await Promise.all(more)).filter(({ kind }) => kind === 'allow');
    expect(allowed).toHaveLength(5);
  });

  test('reviews under way are bounded in all', async () => {
    const { authorizer, reviews } = await setUp({ maxReviews: 3 });
    const many = Array.from({ length: 10 }, (_, at) => {
      reviews.tokens.add(`t${at}`);
      return authorizer.authorize(caller(`t${at}`), asking());
    });
    const outcomes = (await Promise.all(many)).map(reasonOf);
    expect(outcomes.filter((outcome) => outcome === 'deny: busy')).toHaveLength(7);
    expect(authorizer.counters.busy).toBe(7);
  });
});

describe('the proof', () => {
  test('cannot be made or imitated outside', async () => {
    const { authorizer } = await setUp();
    const decision = await authorizer.authorize(caller(), asking());
    if (decision.kind !== 'allow') {
      throw new Error('expected an allow');
    }
    expect(Authorized.isGenuine(decision.authorized)).toBe(true);
    const imitation = Object.assign(Object.create(Authorized.prototype), decision.authorized);
    expect(Authorized.isGenuine(imitation)).toBe(false);
    expect(Authorized.isGenuine({ ...decision.authorized })).toBe(false);
    // @ts-expect-error: the constructor is private and the brand is nominal.
    const forged: Authorized = { ...decision.authorized };
    expect(Authorized.isGenuine(forged)).toBe(false);
  });

  test('holds no credential', async () => {
    const { authorizer } = await setUp();
    const decision = await authorizer.authorize(caller(), asking());
    expect(JSON.stringify(decision)).not.toContain('alice');
  });
});

test('the proxy’s own token never travels with a review', async () => {
  const reviews = new ScriptedReviews();
  const { server } = await servePlain((request, response) => {
    void reviews.handle(request, response);
  });
  const token = { reveal: () => 'proxy-token' } as never;
  const upstream = closing(Upstream.connect(plainCluster(server, { token })));
  await new Authorizer({ forwarder: upstream }).authorize(caller(), asking());
  expect(JSON.stringify(reviews.seen)).not.toContain('proxy-token');
});
