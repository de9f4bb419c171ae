// A differential run: generated requests to both servers, many at a time, each answer compared. The
// command (run.ts) and the test with a fixed seed (fixed-seed.test.ts) share it.

import { differences } from '../support/compare.ts';
import { BothServers } from './ask-both.ts';
import type { Answers } from './ask-both.ts';
import { Counts } from './report.ts';
import type { Verdict } from './report.ts';
import { explanations } from './explained.ts';
import { Grammar } from './grammar.ts';
import type { Generated } from './grammar.ts';
import type { PastStack } from './past.ts';

export interface DifferentialOptions {
  readonly seed: number;
  readonly requests: number;
  /** Called after each comparison. */
  readonly onVerdict?: (verdict: Verdict, done: number) => void;
  /** Asks only this one, by its number; for a replay. */
  readonly only?: number;
}

/** Most requests wait for the end of a watch, so that more at a time is faster, up to here. */
const atOnce = 48;
/** What depends on the moment is asked for again, until both are asked in the same one. */
const attempts = 5;

export async function compareGenerated(
  { stack, past }: PastStack,
  options: DifferentialOptions,
): Promise<Counts> {
  const grammar = new Grammar(options.seed, past);
  const servers = new BothServers(stack);
  const counts = new Counts();
  let made = 0;
  const work = async (): Promise<void> => {
    while (made < options.requests) {
      const number = made++;
      const asked = grammar.next();
      if (options.only !== undefined && options.only !== number) continue;
      const verdict = await judged(servers, asked, number);
      counts.add(verdict);
      options.onVerdict?.(verdict, counts.verdicts.length);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  await servers.close();
  return counts;
}

async function judged(servers: BothServers, asked: Generated, number: number): Promise<Verdict> {
  for (let attempt = 1; ; attempt++) {
    const answers = await servers.ask(asked.request);
    const verdict = { ...verdictOf(asked, answers, number), attempts: attempt };
    if (verdict.unexplained.length === 0 || attempt === attempts) return verdict;
    const isOfMoment = holdsTime(asked, answers) || isCutShort(answers) || isLate(answers);
    if (!isOfMoment) return verdict;
  }
}

/** Ages of a Table, the time of an OpenAPI document: equal when both fall into one second. */
function holdsTime({ form, request }: Generated, { logged }: Answers): boolean {
  if (logged.source === 'cache') return false;
  return form === 'table' || form === 'two Accepts' || request.path.startsWith('/openapi');
}

/** Whether a watch ended, on time, before a busy machine had sent all that it had to send. */
function isCutShort({ direct, proxied }: Answers): boolean {
  const [shorter, longer] = [direct.text, proxied.text].sort((a, b) => a.length - b.length);
  const isTimed = [direct, proxied].every(
    ({ status, end }) => status === 200 && end.kind === 'clean',
  );
  return isTimed && shorter !== longer && longer.startsWith(shorter);
}

/**
 * Whether one of them had not got round to it before the time that the request allows was over, or kube-apiserver closed
 * the connection of somebody unknown before its answer was out.
 */
function isLate({ direct, proxied }: Answers): boolean {
  if (direct.status === 0) return true;
  return [direct, proxied].some(({ text }) => text.includes('context deadline exceeded'));
}

function verdictOf(asked: Generated, answers: Answers, number: number): Omit<Verdict, 'attempts'> {
  const { direct, proxied, logged } = answers;
  const found = differences(direct, proxied, {
    protocol: asked.request.protocol ?? 'http/1.1',
    from: logged.source === 'cache' ? 'cache' : 'passthrough',
  });
  const explained: string[] = [];
  const unexplained: string[] = [];
  for (const sentence of found) {
    const entry = explanations.find(({ covers }) => covers(sentence, asked, answers));
    if (entry === undefined) unexplained.push(sentence);
    else explained.push(entry.name);
  }
  return { asked, number, logged, status: direct.status, unexplained, explained };
}
