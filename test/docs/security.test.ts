// The times that SECURITY.md promises are those of the code with its defaults.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { DEFAULT_AUTHORIZER_OPTIONS } from '../../src/auth/authorize.ts';
import { PROOF_TTL_MS } from '../../src/auth/impersonator.ts';
import { DEFAULT_RECHECK_OPTIONS, JITTER } from '../../src/auth/recheck.ts';
import { loadConfig } from '../../src/config/load.ts';
import { RELOAD_INTERVAL_MS } from '../../src/proxy/client-authority.ts';

const text = readFileSync(join(import.meta.dirname, '../../SECURITY.md'), 'utf8');

function defaults() {
  const loaded = loadConfig(['serve'], {});
  if (loaded.kind !== 'run' || loaded.command !== 'serve') throw new Error('Not accepted');
  return loaded.config.auth;
}

const { allowTtlMs, denyTtlMs, recheckIntervalMs, recheckPerSecond } = defaults();
const { confirmDenialMs, graceMs, tickMs } = DEFAULT_RECHECK_OPTIONS;

function seconds(ms: number): string {
  return `${ms / 1_000} s`;
}

/** The two times of the row that begins with these words. */
function promised(what: string): readonly string[] {
  const row = text.split('\n').find((line) => line.startsWith(`| ${what} |`));
  return (row ?? '')
    .split('|')
    .slice(2, 4)
    .map((cell) => cell.trim());
}

describe('SECURITY.md promises, for new requests and open watches', () => {
  const longestWatchMs = allowTtlMs + (1 + JITTER) * recheckIntervalMs + confirmDenialMs;

  test.each([
    ['a permission', allowTtlMs, longestWatchMs],
    ["a bearer token's `exp`", 0, tickMs],
    ["a certificate's `NotAfter`", 0, tickMs],
    ['the pod or account of a token meant for the proxy', allowTtlMs, allowTtlMs + longestWatchMs],
    ['an authority in `serving.clientCaFile`', RELOAD_INTERVAL_MS, RELOAD_INTERVAL_MS],
    ["the apiserver's answers", allowTtlMs, graceMs],
    ['the harmlessness of the impersonator', PROOF_TTL_MS, PROOF_TTL_MS],
  ])('%s', (what, requestMs, watchMs) => {
    expect(promised(what)).toEqual([seconds(requestMs), seconds(watchMs)]);
  });

  test('and all of its rows are compared', () => {
    const table = text.slice(text.indexOf('| what ended |'), text.indexOf('Added to these'));
    expect(table.trim().split('\n')).toHaveLength(2 + 7);
  });
});

test('SECURITY.md names the factors and limits behind the times', () => {
  expect(text).toContain(`${1 + JITTER} times \`auth.recheckInterval\``);
  expect(text).toContain(`${seconds(confirmDenialMs)} until the denial is confirmed`);
  expect(text).toContain(
    `up to ${seconds(DEFAULT_AUTHORIZER_OPTIONS.reviewTimeoutMs)} per question`,
  );
  expect(text).toContain(`limited to ${recheckPerSecond} per second`);
  expect(text).toContain(`remembered for ${seconds(denyTtlMs)}`);
  // Within what the budget can ask in an interval: all of it, and what is left of it by the jitter.
  const questions = (recheckPerSecond * recheckIntervalMs * (1 - JITTER)) / 1_000;
  const stated = Number(/with more than (\d+) different questions/.exec(text)?.[1]);
  expect(stated).toBeGreaterThanOrEqual(questions);
  expect(stated).toBeLessThan((recheckPerSecond * recheckIntervalMs) / 1_000);
});
