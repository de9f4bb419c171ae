import { describe, expect, test } from 'vitest';
import type { Attributes } from '../../src/auth/attributes.ts';
import { Authorizer } from '../../src/auth/authorize.ts';
import { WatchRechecks } from '../../src/auth/recheck.ts';
import type { RecheckOptions } from '../../src/auth/recheck.ts';
import { useServers } from '../upstream/support/harness.ts';
import { answer, until } from '../upstream/support/server.ts';
import { asking, caller, ScriptedReviews } from './support.ts';

const { servePlain } = useServers();

async function setUp(options: Partial<RecheckOptions> = {}) {
  const reviews = new ScriptedReviews();
  const { upstream } = await servePlain((request, response) => {
    void reviews.handle(request, response);
  });
  const clock = { nowMs: 1_000_000 };
  const now = (): number => clock.nowMs;
  const authorizer = new Authorizer({ forwarder: upstream }, { now, reviewsPerSecond: 1_000 });
  const rechecks = new WatchRechecks(authorizer, { now, ...options });
  const ended: string[] = [];
  const open = async (name: string, attributes: Attributes, credential = caller()) => {
    const decision = await authorizer.authorize(credential, attributes);
    if (decision.kind !== 'allow') {
      throw new Error(`${name} is not allowed`);
    }
    return rechecks.track(decision.authorized, credential, () => ended.push(name));
  };
  /** Lets time pass in ticks, waiting for the reviews of each. */
  const pass = async (seconds: number): Promise<void> => {
    for (let second = 0; second < seconds; second += 1) {
      clock.nowMs += 1_000;
      rechecks.tick();
      const sent = rechecks.status.rechecks;
      await until(() => reviewsDone(authorizer) && rechecks.status.rechecks === sent);
    }
  };
  return { reviews, clock, rechecks, authorizer, ended, open, pass };
}

function reviewsDone(authorizer: Authorizer): boolean {
  const { allowed, denied, undecided } = authorizer.status;
  return authorizer.counters.reviews === allowed + denied + undecided;
}

const watch = asking({ verb: 'watch' });

describe('rechecks', () => {
  test('come about once a minute, once per question', async () => {
    const { reviews, rechecks, ended, open, pass } = await setUp();
    for (let at = 0; at < 100; at += 1) {
      await open(`w${at}`, { ...watch, rawLabelSelector: `a=${at}` });
    }
    expect(reviews.seen).toHaveLength(1);
    await pass(47);
    expect(rechecks.status.rechecks).toBe(0);
    await pass(26);
    expect(rechecks.status.rechecks).toBe(1);
    await pass(600);
    expect(rechecks.status.rechecks).toBeGreaterThanOrEqual(9);
    expect(rechecks.status.rechecks).toBeLessThanOrEqual(14);
    expect(ended).toEqual([]);
    rechecks.stop();
  });

  test('stop when the watch ends', async () => {
    const { reviews, rechecks, open, pass } = await setUp();
    const forget = await open('w', watch);
    forget();
    forget();
    expect(rechecks.questions).toBe(0);
    await pass(100);
    expect(reviews.seen).toHaveLength(1);
    rechecks.stop();
  });

  test('keep to the budget, oldest first, and say how late they are', async () => {
    const { reviews, rechecks, open, pass } = await setUp({ recheckPerSecond: 2 });
    for (let at = 0; at < 20; at += 1) {
      await open(`w${at}`, { ...watch, namespace: `n${at}` });
    }
    const before = reviews.seen.length;
    await pass(47);
    expect(reviews.seen.length).toBe(before);
    for (let second = 0; second < 26; second += 1) {
      const sent = rechecks.status.rechecks;
      await pass(1);
      expect(rechecks.status.rechecks - sent).toBeLessThanOrEqual(2);
    }
    expect(rechecks.status.rechecks).toBeGreaterThanOrEqual(19);
    rechecks.stop();
  });

  test('are ended by stop', async () => {
    const { rechecks, open, pass } = await setUp();
    await open('w', watch);
    rechecks.stop();
    await pass(100);
    expect(rechecks.status.rechecks).toBe(0);
  });
});

describe('a watch ends', () => {
  test('after two denials five seconds apart', async () => {
    const { reviews, rechecks, ended, open, pass } = await setUp();
    await open('w', watch);
    reviews.allows = () => false;
    await pass(72);
    expect(rechecks.status.rechecks).toBeGreaterThan(0);
    await pass(7);
    expect(ended).toEqual(['w']);
    expect(rechecks.status).toMatchObject({ rechecks: 2, revoked: 1 });
    await pass(100);
    expect(rechecks.status.rechecks).toBe(2);
    rechecks.stop();
  });

  test('not after one denial that the next answer takes back', async () => {
    const { reviews, rechecks, ended, open, pass } = await setUp();
    await open('w', watch);
    reviews.allows = () => false;
    while (rechecks.status.rechecks === 0) {
      await pass(1);
    }
    reviews.allows = () => true;
    await pass(300);
    expect(ended).toEqual([]);
    rechecks.stop();
  });

  test('when upstream no longer knows the caller', async () => {
    const { reviews, ended, open, pass, rechecks } = await setUp();
    await open('w', watch);
    reviews.tokens.clear();
    await pass(80);
    expect(ended).toEqual(['w']);
    rechecks.stop();
  });

  test('when its token ends, without asking', async () => {
    const { reviews, rechecks, ended, open, pass } = await setUp();
    const claims = Buffer.from(JSON.stringify({ exp: 1_020 })).toString('base64url');
    reviews.tokens.add(`h.${claims}.s`);
    await open('short', watch, caller(`h.${claims}.s`));
    await open('long', watch);
    await pass(19);
    expect(ended).toEqual([]);
    await pass(2);
    expect(ended).toEqual(['short']);
    expect(rechecks.status.rechecks).toBe(0);
    rechecks.stop();
  });

  test('when its token ends, however many questions wait before it', async () => {
    const { reviews, rechecks, ended, open, pass } = await setUp({
      recheckPerSecond: 1,
      recheckIntervalMs: 10_000,
    });
    for (let at = 0; at < 40; at += 1) {
      await open(`w${at}`, { ...watch, namespace: `n${at}` });
    }
    const claims = Buffer.from(JSON.stringify({ exp: 1_025 })).toString('base64url');
    reviews.tokens.add(`h.${claims}.s`);
    await open('short', watch, caller(`h.${claims}.s`));
    await pass(24);
    expect(ended).toEqual([]);
    await pass(2);
    expect(ended).toEqual(['short']);
    rechecks.stop();
  });

  test('after two minutes without an answer, a watch on secrets at once', async () => {
    const { reviews, rechecks, ended, open, pass } = await setUp();
    await open('pods', watch);
    await open('secrets', { ...watch, resource: 'secrets' });
    reviews.instead = (response) => {
      answer(response, 503, {});
      return true;
    };
    await pass(73);
    expect(ended).toEqual(['secrets']);
    await pass(40);
    expect(ended).toEqual(['secrets']);
    await pass(90);
    expect(ended).toEqual(['secrets', 'pods']);
    rechecks.stop();
  });

  test('not when an answer comes within the two minutes', async () => {
    const { reviews, ended, open, pass, rechecks } = await setUp();
    await open('w', watch);
    reviews.instead = (response) => {
      answer(response, 500, {});
      return true;
    };
    await pass(100);
    reviews.instead = () => false;
    await pass(200);
    expect(ended).toEqual([]);
    rechecks.stop();
  });
});

test('when a wide right goes, watches with a right of their own go on', async () => {
  const { reviews, rechecks, ended, open, pass } = await setUp();
  await open('x', { ...watch, name: 'x', rawFieldSelector: 'metadata.name=x' });
  await open('y', { ...watch, name: 'y', rawFieldSelector: 'metadata.name=y' });
  await open('all', watch);
  expect(rechecks.questions).toBe(1);
  reviews.allows = (attributes) => attributes['name'] === 'x';
  await pass(90);
  expect(ended.toSorted()).toEqual(['all', 'y']);
  expect(rechecks.questions).toBe(1);
  await pass(200);
  expect(ended).toHaveLength(2);
  rechecks.stop();
});

test('a watch is tracked only with the credential it was authorized with', async () => {
  const { rechecks, authorizer } = await setUp();
  const decision = await authorizer.authorize(caller(), watch);
  if (decision.kind !== 'allow') {
    throw new Error('expected an allow');
  }
  const { authorized } = decision;
  expect(() => rechecks.track(authorized, caller('bob'), () => {})).toThrow('credential');
  expect(() => rechecks.track(authorized, { kind: 'none' }, () => {})).toThrow('credential');
});
