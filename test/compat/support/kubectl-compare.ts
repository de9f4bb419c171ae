// The same kubectl command against kube-apiserver and against the proxy, at the same time: standard
// output, standard error and exit code must be the same.
//
// What is of one moment, one process or one side is put the same beforehand, and nothing else: ages in
// columns and the times of log lines (the two commands do not read the clock together), the addresses
// and free ports of the two sides, names of diff's temporary folders, and of the object that each side
// has for itself its name, uid, revision and times.

import { join } from 'node:path';
import type { Stack } from '../../conformance/support/stack.ts';
import type { Kubectl as KubectlBinary, Release } from '../kubectl/build.ts';
import { Kubectl } from './kubectl.ts';
import type { Outcome, Running } from './kubectl.ts';
import { kubectlCases } from './kubectl-cases.ts';
import type { Case, Command } from './kubectl-cases.ts';

const sides = ['direct', 'proxied'] as const;
type Side = (typeof sides)[number];
type Both<T> = Readonly<Record<Side, T>>;

export interface Compared {
  readonly command: Command;
  readonly words: string;
  /** Undefined: the same. */
  readonly difference?: string;
}

const configMaps = '/api/v1/namespaces/a/configmaps';
const watchForms = ['', '-o wide', '-o json', '-o yaml', '-o name'];

export class KubectlComparison {
  readonly #stack: Stack;
  readonly #release: Release;
  readonly #kubectl: Both<Kubectl>;

  static async of(
    stack: Stack,
    release: Release,
    { program }: KubectlBinary,
  ): Promise<KubectlComparison> {
    const { controlPlane, watershed } = stack;
    const flagsOf = async (side: Side): Promise<string[]> => {
      const target = side === 'direct' ? {} : { server: watershed.url };
      return [
        `--kubeconfig=${await controlPlane.kubeconfig('admin', target)}`,
        `--cache-dir=${join(controlPlane.directory, `kubectl-${release}-${side}`)}`,
      ];
    };
    const kubectl = {
      direct: new Kubectl(program, await flagsOf('direct')),
      proxied: new Kubectl(program, await flagsOf('proxied')),
    };
    return new KubectlComparison(stack, release, kubectl);
  }

  private constructor(stack: Stack, release: Release, kubectl: Both<Kubectl>) {
    this.#stack = stack;
    this.#release = release;
    this.#kubectl = kubectl;
  }

  /** One command that ends by itself. */
  async compare({ command, args, input, ownObject, shows }: Case): Promise<Compared> {
    const outcomes = await onBoth((side) => {
      const own = (text: string): string => text.replaceAll('NAME', this.#nameOf(side));
      return this.#kubectl[side].run(args.map(own), own(input ?? ''));
    });
    const words = args.join(' ');
    return this.#judge({ command, words, outcomes, shows, ownObject: ownObject === true });
  }

  /** `get -w` in every form, while an object is made, changed and deleted. */
  async watches(): Promise<Compared[]> {
    const results: Compared[] = [];
    for (const [index, form] of watchForms.entries()) {
      const label = `watched=${this.#release}-${index}`;
      const name = `watched-${this.#release}-${index}`;
      const words = `get configmaps -n a -l ${label} -w ${form}`.trim();
      await this.#write('POST', configMaps, `${name}-before`, label);
      const running = await onBoth((side) =>
        Promise.resolve(this.#kubectl[side].start(words.split(' '))),
      );
      await this.#showsOnBoth(running, new RegExp(`${name}-before`));
      await this.#write('POST', configMaps, name, label);
      await this.#write('PUT', `${configMaps}/${name}`, name, label);
      await this.#write('DELETE', `${configMaps}/${name}`, name, label);
      await this.#write('POST', configMaps, `${name}-after`, label);
      await this.#showsOnBoth(running, new RegExp(`${name}-after`));
      const outcomes = await onBoth((side) => running[side].interrupt());
      // The interrupt may find the last object printed in part.
      const whole = onEach(outcomes, (outcome) => upTo(outcome, `${name}-after`));
      results.push(this.#judge({ command: 'get -w', words, outcomes: whole, shows: /-before/ }));
    }
    return results;
  }

  /** One request through a forwarded port. */
  async portForwards(): Promise<Compared[]> {
    const results: Compared[] = [];
    for (const what of ['pod/n', 'pod/n.b']) {
      const words = `port-forward ${what} -n a --address=127.0.0.1 :80`;
      const outcomes = await onBoth(async (side) => {
        const running = this.#kubectl[side].start(words.split(' '));
        const [, port] = await running.shows(/^Forwarding from 127\.0\.0\.1:(\d+) -> 80$/m);
        const answer = await fetch(`http://127.0.0.1:${port}/hello`);
        const body = await answer.text();
        await running.shows(/^Handling connection for \d+$/m);
        const outcome = await running.interrupt();
        const stdout = `${outcome.stdout.replaceAll(port, 'PORT')}${body}`;
        return { ...outcome, stdout };
      });
      const shows = /GET \/hello at port 80$/;
      results.push(this.#judge({ command: 'port-forward', words, outcomes, shows }));
    }
    for (const what of ['pod/n-b', 'pod/none', 'service/web']) {
      const args = ['port-forward', what, '-n', 'a', ':80', '--pod-running-timeout=1s'];
      results.push(await this.compare({ command: 'port-forward', args }));
    }
    return results;
  }

  async #showsOnBoth(running: Both<Running>, pattern: RegExp): Promise<void> {
    await Promise.all(sides.map((side) => running[side].shows(pattern)));
  }

  async #write(method: string, path: string, name: string, label: string): Promise<void> {
    const [key, value] = label.split('=');
    const metadata = { name, labels: { [key]: value } };
    const data = { method };
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data };
    const options = method === 'DELETE' ? {} : { body };
    const { status } = await this.#stack.controlPlane.request(method, path, options);
    if (status >= 300) throw new Error(`${method} ${path}: ${status}`);
  }

  #nameOf(side: Side): string {
    return `story-${this.#release}-${side}`;
  }

  #judge({ command, words, outcomes, shows, ownObject = false }: Judged): Compared {
    const neutral = onEach(outcomes, (outcome, side) => this.#neutral(outcome, side, ownObject));
    const { direct, proxied } = neutral;
    if (shows !== undefined && !shows.test(direct.stdout)) {
      const difference = `direct does not show ${shows}: ${JSON.stringify(direct)}`;
      return { command, words, difference };
    }
    const difference = differenceOf(direct, proxied);
    return { command, words, difference };
  }

  #neutral(outcome: Outcome, side: Side, ownObject: boolean): Outcome {
    const { controlPlane, watershed } = this.#stack;
    const address = (side === 'direct' ? controlPlane.url : watershed.url).slice('https://'.length);
    const neutral = (text: string): string => {
      const common = withoutMoment(text)
        .replaceAll(address, 'SERVER')
        .replaceAll(this.#nameOf(side), 'NAME');
      return ownObject ? withoutIdentity(common) : common;
    };
    return { code: outcome.code, stdout: neutral(outcome.stdout), stderr: neutral(outcome.stderr) };
  }
}

/** Everything there is to compare, one after the other. */
export async function compareAll(
  stack: Stack,
  release: Release,
  kubectl: KubectlBinary,
): Promise<Compared[]> {
  const comparison = await KubectlComparison.of(stack, release, kubectl);
  const results: Compared[] = [];
  for (const one of kubectlCases) results.push(await comparison.compare(one));
  return [...results, ...(await comparison.watches()), ...(await comparison.portForwards())];
}

interface Judged {
  readonly command: Command;
  readonly words: string;
  readonly outcomes: Both<Outcome>;
  readonly shows?: RegExp;
  readonly ownObject?: boolean;
}

async function onBoth<T>(act: (side: Side) => Promise<T>): Promise<Both<T>> {
  const [direct, proxied] = await Promise.all(sides.map(act));
  return { direct, proxied };
}

function onEach<T>(both: Both<T>, change: (value: T, side: Side) => T): Both<T> {
  return { direct: change(both.direct, 'direct'), proxied: change(both.proxied, 'proxied') };
}

/** Ages, whose width moves the columns behind them, times of log lines, temporary folders of diff. */
function withoutMoment(text: string): string {
  return text
    .replaceAll(/(?<=\s|\()(?:\d+(?:\.\d+)?(?:ms|[smhdy]))+(?=\s|\)|$) */g, 'AGE ')
    .replaceAll(/\bAGE +/g, 'AGE ')
    .replaceAll(/\bLAST SEEN +/g, 'LAST SEEN ')
    .replaceAll(/[EIW]\d{4} \d\d:\d\d:\d\d\.\d{6} +\d+/g, 'KLOG')
    .replaceAll(/\/\S*\/(?:LIVE|MERGED)-\d+/g, 'DIFF')
    .replaceAll(/\t\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ [+-]\d{4}/g, '\tTIME');
}

/** What the two sides' own objects cannot share. */
function withoutIdentity(text: string): string {
  return text
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, 'TIME')
    .replaceAll(/[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}/g, 'UID')
    .replaceAll(/resourceVersion: "\d+"/g, 'resourceVersion: N');
}

function upTo(outcome: Outcome, mark: string): Outcome {
  const at = outcome.stdout.indexOf(mark);
  return { ...outcome, stdout: outcome.stdout.slice(0, at) };
}

function differenceOf(direct: Outcome, proxied: Outcome): string | undefined {
  for (const part of ['code', 'stdout', 'stderr'] as const) {
    if (direct[part] === proxied[part]) continue;
    const [left, right] = [direct, proxied].map((outcome) => String(outcome[part]).split('\n'));
    const at = left.findIndex((line, index) => line !== right[index]);
    const line = Math.max(at, 0);
    return `${part}, line ${line + 1}:\n  direct  ${left[line]}\n  proxied ${right[line]}`;
  }
  return undefined;
}
