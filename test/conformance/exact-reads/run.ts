// The long form of the exact-read test: 10,000 reads right after a write in each form, then what proven
// reads cost beside direct ones on a busy and on a large idle resource, then the load that 200 parallel
// readers make upstream. `npm run exact-reads`; numbers by the environment:
//
//   READS=40000 OBJECTS=50000 PAIRS=300 READERS=200 SECONDS=20 PARTS=exact,busy,idle,crowd
//
// Exit code 1 when a read was stale.

import { readFileSync } from 'node:fs';
import { ApiClient } from '../control-plane/api-client.ts';
import { tokens } from '../control-plane/users.ts';
import { collection } from '../support/resources.ts';
import { startStack } from '../support/stack.ts';
import type { Stack } from '../support/stack.ts';
import { crowdOf } from './crowd.ts';
import { readAfterWrites } from './exactness.ts';
import { busyReads, compare, fill, idleReads, whileWriting } from './latency.ts';
import type { Asked, Compared, Pace, Pair } from './latency.ts';
import { ReadClient } from './read-client.ts';
import { growth, samples } from './upstream-load.ts';

const { env } = process;
const reads = Number(env['READS'] ?? 40_000);
const objects = Number(env['OBJECTS'] ?? 50_000);
const pairs = Number(env['PAIRS'] ?? 300);
const readers = Number(env['READERS'] ?? 200);
const seconds = Number(env['SECONDS'] ?? 20);
const parts = (env['PARTS'] ?? 'exact,busy,idle,crowd').split(',');

const say = (line: string): void => void process.stdout.write(`${line}\n`);

function clientsOf(stack: Stack): {
  direct: ApiClient;
  proxied: Record<'http/1.1' | 'h2', ReadClient>;
  directly: ReadClient;
} {
  const { caFile, url } = stack.controlPlane;
  const authority = readFileSync(caFile);
  const proxied = (protocol: 'http/1.1' | 'h2'): ReadClient =>
    new ReadClient({ url: stack.watershed.url, authority, token: tokens.admin, protocol });
  return {
    direct: new ApiClient({ url, caFile, token: tokens.admin }),
    proxied: { 'http/1.1': proxied('http/1.1'), h2: proxied('h2') },
    directly: new ReadClient({ url, authority, token: tokens.admin, protocol: 'h2' }),
  };
}

async function proofs(stack: Stack): Promise<Map<string, number>> {
  return samples(await stack.watershed.metrics(), 'watershed_read_proof_seconds_count');
}

async function compareAll(
  stack: Stack,
  pair: Pair,
  asked: readonly Asked[],
  pace: Pace,
): Promise<void> {
  for (const each of asked) {
    await compare(pair, each, { ...pace, pairs: 3 });
    const before = await proofs(stack);
    const compared = await compare(pair, each, pace);
    const paths = growth(before, await proofs(stack));
    say(row(compared) + paths.map(([path, count]) => ` ${path} ${count}`).join(''));
  }
}

function row({ what, direct, proxied, added }: Compared): string {
  const ms = (value: number): string => value.toFixed(1).padStart(7);
  return (
    `${what.padEnd(24)} direct p50${ms(direct.p50Ms)} p99${ms(direct.p99Ms)}` +
    ` | proxy p50${ms(proxied.p50Ms)} p99${ms(proxied.p99Ms)}` +
    ` | added p50${ms(proxied.p50Ms - direct.p50Ms)} p99${ms(proxied.p99Ms - direct.p99Ms)}` +
    ` pairs p50${ms(added.p50Ms)} p99${ms(added.p99Ms)} |`
  );
}

async function main(): Promise<number> {
  const stack = await startStack({ proxy: { flags: ['-v=0'] } });
  const { direct, proxied, directly } = clientsOf(stack);
  const pair: Pair = { direct: directly, proxied: proxied.h2 };
  let stale = 0;
  try {
    if (parts.includes('exact')) {
      const before = await proofs(stack);
      const found = await readAfterWrites({ direct, proxied }, reads);
      stale = found.stale.length;
      say(`${found.reads} reads right after a write: ${stale} stale`);
      for (const [form, count] of [...found.byForm].toSorted()) say(`  ${form}: ${count}`);
      for (const [path, count] of growth(before, await proofs(stack))) say(`  ${path} ${count}`);
      for (const line of found.stale.slice(0, 20)) say(`  ${line}`);
    }
    if (parts.includes('busy')) {
      say(`A busy resource, while other reads rest (${pairs} pairs, HTTP/2):`);
      const { writesPerSecond } = await whileWriting(direct, 1, () =>
        compareAll(stack, pair, busyReads(), { pairs, restMs: 10 }),
      );
      say(`  ${writesPerSecond.toFixed(0)} writes/s to leases`);
    }
    if (parts.includes('idle')) {
      await fill(direct, objects);
      await proxied.h2.read(collection('configmaps'), 'application/json');
      say(`An idle resource of ${objects} objects, while others are written:`);
      const { writesPerSecond } = await whileWriting(direct, 1, () =>
        compareAll(stack, pair, idleReads(), { pairs: Math.ceil(pairs / 10), restMs: 200 }),
      );
      say(`  ${writesPerSecond.toFixed(0)} writes/s to leases`);
    }
    if (parts.includes('crowd')) {
      say(`${readers} parallel readers for ${seconds} s:`);
      for (const line of await crowdOf(stack, { direct, readers, seconds })) say(`  ${line}`);
    }
  } finally {
    direct.close();
    directly.close();
    proxied['http/1.1'].close();
    proxied.h2.close();
    await stack.stop();
  }
  return stale === 0 ? 0 : 1;
}

process.exitCode = await main();
