import { describe, expect, test } from 'vitest';
import { answerHealth, answerHealthCheck, proxyChecks } from '../../src/observe/health.ts';
import type { HealthCheck } from '../../src/observe/health.ts';
import { laneStatus, proxyStatus } from './support.ts';

const ping: HealthCheck = {
  name: 'ping',
  endpoints: ['livez', 'readyz'],
  problem: () => undefined,
};
const bad: HealthCheck = {
  name: 'bad',
  endpoints: ['readyz'],
  problem: () => 'this will fail',
};

// The rows are those of the apiserver's own healthz_test.go.
describe('readyz answers as kube-apiserver does', () => {
  test.each([
    ['', [ping], 200, 'ok'],
    ['verbose', [ping], 200, '[+]ping ok\nreadyz check passed\n'],
    ['exclude=dontexist', [ping], 200, 'ok'],
    ['exclude=bad', [ping, bad], 200, 'ok'],
    [
      'verbose=true&exclude=bad',
      [ping, bad],
      200,
      '[+]ping ok\n[+]bad excluded: ok\nreadyz check passed\n',
    ],
    [
      'verbose=true&exclude=dontexist',
      [ping],
      200,
      '[+]ping ok\nwarn: some health checks cannot be excluded: no matches for "dontexist"\nreadyz check passed\n',
    ],
    [
      'verbose&exclude=z&exclude=a&exclude=a',
      [ping],
      200,
      '[+]ping ok\nwarn: some health checks cannot be excluded: no matches for "a","z"\nreadyz check passed\n',
    ],
    [
      'verbose',
      [ping, bad],
      500,
      '[+]ping ok\n[-]bad failed: reason withheld\nreadyz check failed\n',
    ],
    ['', [ping, bad], 500, '[+]ping ok\n[-]bad failed: reason withheld\nreadyz check failed\n'],
  ])('?%s', (query, checks, code, body) => {
    const answer = answerHealth('readyz', checks, new URLSearchParams(query));
    expect(answer).toMatchObject({ code, body });
  });

  test('the reason of a failure is kept for the log', () => {
    const answer = answerHealth('readyz', [ping, bad], new URLSearchParams());
    expect(answer.failures).toEqual(['bad: this will fail']);
    expect(answer.body).not.toContain('this will fail');
  });

  test('one check can be asked for alone', () => {
    expect(answerHealthCheck('readyz', [ping, bad], 'ping')).toMatchObject({
      code: 200,
      body: 'ok',
    });
    expect(answerHealthCheck('readyz', [ping, bad], 'bad')).toMatchObject({
      code: 500,
      body: 'internal server error: this will fail\n',
    });
    expect(answerHealthCheck('livez', [ping, bad], 'bad').code).toBe(404);
  });

  test('the older name runs every check', () => {
    expect(answerHealth('livez', [ping, bad], new URLSearchParams()).code).toBe(200);
    expect(answerHealth('healthz', [ping, bad], new URLSearchParams()).code).toBe(500);
  });
});

describe('the proxy', () => {
  function readyz(over: Parameters<typeof proxyStatus>[0]): string {
    const checks = proxyChecks(() => proxyStatus(over));
    return answerHealth('readyz', checks, new URLSearchParams('verbose')).body;
  }

  test('is ready when it has reached the apiserver and read what it must', () => {
    expect(readyz({})).toBe(
      '[+]ping ok\n[+]upstream ok\n[+]discovery ok\n[+]lanes-synced ok\n[+]shutdown ok\nreadyz check passed\n',
    );
  });

  test('stays ready when the apiserver is lost afterwards', () => {
    const upstream = { ...proxyStatus().upstream, connected: false, lastError: 'reset' };
    expect(readyz({ upstream })).toContain('readyz check passed');
  });

  test('is not ready before it reached the apiserver', () => {
    const upstream = { ...proxyStatus().upstream, connected: false, reached: false };
    expect(readyz({ upstream })).toContain('[-]upstream failed: reason withheld');
  });

  test('is not ready while discovery is missing', () => {
    expect(readyz({ discoveredResources: 0 })).toContain('[-]discovery failed');
  });

  test('waits for pinned lanes only', () => {
    const starting = laneStatus({ state: 'starting' });
    expect(readyz({ lanes: [starting] })).toContain('[+]lanes-synced ok');
    expect(readyz({ lanes: [{ ...starting, pinned: true }] })).toContain('[-]lanes-synced failed');
  });

  test('is not ready but alive while it drains', () => {
    const checks = proxyChecks(() => proxyStatus({ phase: 'draining' }));
    expect(answerHealth('readyz', checks, new URLSearchParams()).code).toBe(500);
    expect(answerHealth('livez', checks, new URLSearchParams()).code).toBe(200);
  });
});
