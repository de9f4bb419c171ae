// A run of the fuzzer: a quiet cluster, a proxy that remembers decisions for a moment only, one RBAC state
// behind the other, and in each many cases at a time. A difference is asked about again, as a busy
// machine cuts things; an answer that upstream refused to give counts at once, unless upstream gives it
// when asked again.

import { setTimeout as sleep } from 'node:timers/promises';
import { Dice } from '../../conformance/differential/dice.ts';
import type { Past } from '../../conformance/differential/past.ts';
import { collectionPath, subjects } from '../../conformance/differential/subjects.ts';
import { storeRevision } from '../../conformance/support/history.ts';
import { quietFlags, startStack } from '../../conformance/support/stack.ts';
import type { Stack } from '../../conformance/support/stack.ts';
import type { Answer, Client, Sent } from './answer.ts';
import { CaseSource } from './cases.ts';
import type { FuzzCase } from './cases.ts';
import { ClientHttp1 } from './client-http1.ts';
import { ClientHttp2 } from './client-http2.ts';
import { makeIdentities } from './identities.ts';
import type { Identity } from './identities.ts';
import { isGranted, judge } from './judge.ts';
import type { Finding, Verdict } from './judge.ts';
import { clearFixtureRights, enterState, randomState } from './rbac-states.ts';
import { Report } from './report.ts';

export interface FuzzOptions {
  readonly seed: number;
  readonly requests: number;
  /** Cases in one RBAC state. */
  readonly perState: number;
  /** Asks only this one, by its number; for a replay. */
  readonly only?: number;
  readonly onVerdict?: (verdict: Verdict, report: Report) => void;
}

/** How long the proxy remembers a decision in a run. */
const decisionTtlMs = 1_500;
/** A review that was under way when the state changed is answered and forgotten by then. */
const settleMs = decisionTtlMs + 500;
const atOnce = 200;
const attempts = 5;
const betweenAttemptsMs = 150;

export interface FuzzCluster {
  readonly stack: Stack;
  readonly identities: readonly Identity[];
  readonly past: Past;
}

export async function startFuzzCluster(): Promise<FuzzCluster> {
  const ttl = `${decisionTtlMs}ms`;
  const stack = await startStack({
    controlPlane: { apiserverFlags: quietFlags },
    proxy: {
      clientAuthority: true,
      settings: { resources: { secrets: true }, auth: { allowTtl: ttl, denyTtl: ttl } },
    },
  });
  try {
    await clearFixtureRights(stack.controlPlane);
    const identities = await makeIdentities(stack.controlPlane);
    return { stack, identities, past: await pastOf(stack) };
  } catch (error) {
    await stack.stop();
    throw error;
  }
}

/** The grammar's revisions: this cluster has no past to speak of, and permission does not ask for one. */
async function pastOf(stack: Stack): Promise<Past> {
  const end = await storeRevision(stack);
  const early = Math.max(1, end - 20);
  const keys = new Map<string, readonly string[]>();
  for (const subject of subjects) {
    const answer = await stack.direct({ path: collectionPath(subject) });
    if (answer.status !== 200) continue;
    const { items } = answer.json() as {
      items: { metadata: { name: string; namespace?: string } }[];
    };
    const keysOf = items.map(({ metadata: { namespace, name } }) =>
      namespace === undefined ? name : `${namespace}/${name}`,
    );
    keys.set(subject.name, keysOf);
  }
  return { expired: 1, before: early, between: early, start: early, middle: end, end, keys };
}

export async function fuzz(cluster: FuzzCluster, options: FuzzOptions): Promise<Report> {
  const { identities, past, stack } = cluster;
  const source = new CaseSource(options.seed, past, identities);
  const servers = new Servers(stack);
  const report = new Report();
  try {
    for (let made = 0, number = 0; made < options.requests; number += 1) {
      const dice = new Dice(options.seed * 1_000 + number);
      const state = randomState(dice, number, identities, past.keys);
      const count = Math.min(options.perState, options.requests - made);
      made += count;
      const cases = Array.from({ length: count }, () => source.next(state));
      const asked = cases.filter(
        (each) => options.only === undefined || options.only === each.number,
      );
      if (asked.length === 0) continue;
      await enterState(stack.controlPlane, state);
      await sleep(settleMs);
      await askAll(servers, asked, (verdict) => {
        report.add(verdict);
        options.onVerdict?.(verdict, report);
      });
    }
  } finally {
    servers.close();
  }
  return report;
}

async function askAll(
  servers: Servers,
  cases: readonly FuzzCase[],
  onVerdict: (verdict: Verdict) => void,
): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < cases.length) {
      const fuzzCase = cases[next];
      next += 1;
      onVerdict(await judged(servers, fuzzCase));
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, cases.length) }, work));
}

const COME_AGAIN = 429;

async function judged(servers: Servers, fuzzCase: FuzzCase): Promise<Verdict> {
  const { sent } = fuzzCase;
  let first: Finding | undefined;
  for (let attempt = 1; ; attempt += 1) {
    const [direct, proxied] = await Promise.all([servers.direct(sent), servers.proxied(sent)]);
    const finding = judge(fuzzCase, direct, proxied);
    first ??= finding;
    const verdict = { fuzzCase, direct, proxied, attempts: attempt, finding, first };
    if (finding.kind === 'equal' || attempt === attempts) return verdict;
    const isExplained = finding.kind === 'difference' && finding.explained !== undefined;
    if (isExplained && proxied.status !== COME_AGAIN) return verdict;
    if (isRefusedAnswer(finding, direct) && !(await servers.grants(sent))) return verdict;
    await sleep(betweenAttemptsMs * attempt);
  }
}

function isRefusedAnswer(finding: Finding, direct: Answer): boolean {
  return finding.kind === 'violation' && !isGranted(direct);
}

/** Both servers, over both protocols. */
class Servers {
  readonly #direct: Readonly<Record<Sent['protocol'], Client>>;
  readonly #proxied: Readonly<Record<Sent['protocol'], Client>>;

  constructor({ controlPlane, watershed, authority }: Stack) {
    const clients = (port: number, partsStrangers: boolean): Record<Sent['protocol'], Client> => {
      const server = { port, authority };
      return {
        'http/1.1': new ClientHttp1(server),
        h2: new ClientHttp2(server, partsStrangers),
      };
    };
    this.#direct = clients(Number(new URL(controlPlane.url).port), true);
    this.#proxied = clients(watershed.port, false);
  }

  direct(sent: Sent): Promise<Answer> {
    return this.#direct[sent.protocol].send(sent);
  }

  proxied(sent: Sent): Promise<Answer> {
    return this.#proxied[sent.protocol].send(sent);
  }

  /** Whether upstream gives the answer when it is asked again. */
  async grants(sent: Sent): Promise<boolean> {
    for (let i = 0; i < 3; i += 1) {
      if (isGranted(await this.direct(sent))) return true;
    }
    return false;
  }

  close(): void {
    for (const clients of [this.#direct, this.#proxied]) {
      for (const client of Object.values(clients)) client.close();
    }
  }
}
