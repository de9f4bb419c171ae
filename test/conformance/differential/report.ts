// What a run found, added up and printed: which requests, who answered them, what differed.

import type { LoggedRequest } from '../support/watershed.ts';
import type { Generated } from './grammar.ts';

export interface Verdict {
  readonly asked: Generated;
  /** Its place in the run, for a replay. */
  readonly number: number;
  readonly logged: LoggedRequest;
  /** Status of kube-apiserver's answer. */
  readonly status: number;
  /** How often it was asked for until the answers were equal, or not. */
  readonly attempts: number;
  /** Sentences about what differs and is not explained. */
  readonly unexplained: readonly string[];
  /** Names of the entries that explain the rest. */
  readonly explained: readonly string[];
}

export class Counts {
  readonly verdicts: Verdict[] = [];

  add(verdict: Verdict): void {
    this.verdicts.push(verdict);
  }

  get fromMemory(): number {
    return fromMemory(this.verdicts);
  }

  get unexplained(): readonly Verdict[] {
    return this.verdicts.filter(({ unexplained }) => unexplained.length > 0);
  }

  get text(): string {
    return [
      this.#table('verb', ({ asked }) => asked.verb),
      this.#table('form', ({ asked }) => asked.form),
      this.#table('resource', ({ asked }) => asked.subject),
      this.#table('spelled', ({ asked }) => asked.mood),
      this.#passedThrough(),
      this.#summary(),
    ].join('\n');
  }

  /** What a client sends and the proxy did not answer itself: by why, and what upstream said. */
  #passedThrough(): string {
    const rows = new Map<string, { count: number; example: string }>();
    for (const { asked, logged, status } of this.verdicts) {
      if (logged.source === 'cache' || asked.mood !== 'usual' || asked.verb === 'other') continue;
      const key = `${status} ${asked.verb.padEnd(6)} ${asked.form.padEnd(18)} ${logged.reason ?? ''}`;
      const row = rows.get(key) ?? { count: 0, example: asked.request.path };
      row.count++;
      rows.set(key, row);
    }
    const lines = [...rows]
      .sort(([, left], [, right]) => right.count - left.count)
      .map(
        ([key, { count, example }]) =>
          `${String(count).padStart(6)}  ${key}  ${example.slice(0, shownCharacters)}`,
      );
    return ['usual requests that were passed through', ...lines, ''].join('\n');
  }

  #table(title: string, keyOf: (verdict: Verdict) => string): string {
    const groups = Map.groupBy(this.verdicts, keyOf);
    const lines = [...groups]
      .sort(([, left], [, right]) => right.length - left.length)
      .map(([key, group]) => `${key.padEnd(28)}${partsOf(group)}`);
    return [`${title.padEnd(28)}${heading}`, ...lines, ''].join('\n');
  }

  #summary(): string {
    const { verdicts } = this;
    const usual = verdicts.filter(
      ({ asked, status }) => asked.mood === 'usual' && status < 300 && asked.verb !== 'other',
    );
    const explained = Map.groupBy(
      verdicts.flatMap((verdict) => [...new Set(verdict.explained)]),
      (name) => name,
    );
    const again = verdicts.filter(({ attempts }) => attempts > 1).length;
    return [
      `${again} were asked again: ages in them, or over before a busy machine had told all`,
      `${verdicts.length} requests, ${fromMemory(verdicts)} answered from memory; of ${usual.length} usual ones that upstream answered, ${share(usual)} from memory`,
      ...[...explained].map(([name, group]) => `explained by "${name}": ${group.length}`),
      `equal ${verdicts.filter(isEqual).length}, explained ${verdicts.filter(isExplained).length}, unexplained ${this.unexplained.length}`,
    ].join('\n');
  }
}

const shownCharacters = 140;

const heading = ['all', 'memory', 'passed', 'equal', 'explained', 'unexplained']
  .map((word) => word.padStart(12))
  .join('');

function partsOf(verdicts: readonly Verdict[]): string {
  const memory = fromMemory(verdicts);
  const equal = verdicts.filter(isEqual).length;
  const explained = verdicts.filter(isExplained).length;
  const rest = verdicts.length - equal - explained;
  return [verdicts.length, memory, verdicts.length - memory, equal, explained, rest]
    .map((count) => String(count).padStart(12))
    .join('');
}

function isEqual({ explained, unexplained }: Verdict): boolean {
  return explained.length === 0 && unexplained.length === 0;
}

function isExplained({ explained, unexplained }: Verdict): boolean {
  return explained.length > 0 && unexplained.length === 0;
}

function fromMemory(verdicts: readonly Verdict[]): number {
  return verdicts.filter(({ logged }) => logged.source === 'cache').length;
}

function share(verdicts: readonly Verdict[]): string {
  return `${((100 * fromMemory(verdicts)) / verdicts.length).toFixed(1)} %`;
}

/** One difference, and how to see it again. */
export function described({ asked, number, logged, status, unexplained }: Verdict): string {
  const { path, method = 'GET', headers, protocol, user, token } = asked.request;
  const who = user === undefined && token === undefined ? '' : ` as ${token ?? user ?? 'nobody'}`;
  return [
    `#${number} ${method} ${path}${who} over ${protocol} ${JSON.stringify(headers)}`,
    `   upstream said ${status}; answered by ${logged.source} ${logged.reason ?? ''}`,
    ...unexplained.map((sentence) => `   ${sentence}`),
  ].join('\n');
}
