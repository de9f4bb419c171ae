// One run of the history checker: a control plane, two proxies in front of it (one bridges relists, one
// does not), writers, readers, faults; rounds that end in a rest, in which every open watch must catch
// up with the store. Returns counts and violations; leaves nothing behind but the file of violations.

import { copyFileSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startControlPlane } from '../control-plane/control-plane.ts';
import type { ControlPlane } from '../control-plane/control-plane.ts';
import { installFixtures } from '../control-plane/fixtures.ts';
import { tokens } from '../control-plane/users.ts';
import type { ResourceName } from '../support/resources.ts';
import { Faults } from './faults.ts';
import { Judging } from './judging.ts';
import { ListReader } from './list-reader.ts';
import { Random } from './random.ts';
import type { ReaderParts } from './reader.ts';
import { StoreWatch } from './store-watch.ts';
import { StreamClient } from './stream-client.ts';
import { Tally } from './tally.ts';
import { Target } from './target.ts';
import { Truth } from './truth.ts';
import { WatchReader } from './watch-reader.ts';
import { Writers } from './writers.ts';

export interface CampaignOptions {
  readonly durationMs: number;
  readonly seed: number;
  /** Longest time between two rests. */
  readonly roundMs: number;
  readonly watchersPerProxy: number;
  readonly listersPerProxy: number;
  readonly log: (line: string) => void;
}

export interface Report {
  readonly seed: number;
  readonly tally: Tally;
  readonly violations: readonly string[];
  readonly violationCount: number;
  /** Folder of details; gone when there was no violation. */
  readonly folder: string;
}

const apiserverFlags = [
  '--feature-gates=APIServerIdentity=false,UnknownVersionInteroperabilityProxy=false',
];
const writers = 6;
const maxPauseMs = 80;
const judgeEveryMs = 500;
const progressEveryMs = 15_000;
/** How long an open watch may take to catch up when everything rests. */
const restTimeoutMs = 90_000;
const idleTimeoutMs = 2_000;
const hushMs = 4_500;
/** HTTP/2 connections per proxy that its readers share. */
const sharedConnections = 4;

export async function runCampaign(options: CampaignOptions): Promise<Report> {
  const controlPlane = await startControlPlane({ apiserverFlags });
  const targets: Target[] = [];
  try {
    await installFixtures(controlPlane);
    const random = new Random(options.seed);
    for (const bridging of [false, true]) {
      targets.push(await startTarget(controlPlane, bridging, random.fork('settings')));
    }
    return await new Campaign(options, controlPlane, targets, random).run();
  } finally {
    await Promise.all(targets.map((target) => target.stop()));
    await controlPlane.stop();
  }
}

/** Windows of one of the two are short, so that revisions leave them. */
function startTarget(
  controlPlane: ControlPlane,
  bridging: boolean,
  random: Random,
): Promise<Target> {
  const window = random.chance(50) ? { duration: '15s', minEvents: 100 } : {};
  return Target.start(controlPlane, {
    name: bridging ? 'bridging' : 'plain',
    bridging,
    settings: {
      window,
      lanes: { idleTimeout: `${idleTimeoutMs}ms` },
      shutdown: { grace: '1s' },
    },
  });
}

class Campaign {
  readonly #options: CampaignOptions;
  readonly #controlPlane: ControlPlane;
  readonly #targets: readonly Target[];
  readonly #random: Random;
  readonly #truth = new Truth();
  readonly #tally = new Tally();
  readonly #store: StoreWatch;
  readonly #writers: Writers;
  readonly #judging: Judging;
  readonly #folder: string;
  readonly #hushed = new Set<ResourceName>();
  readonly #watchers: readonly WatchReader[];
  readonly #listers: readonly ListReader[];
  readonly #clients: StreamClient[] = [];
  readonly #faults: Faults;
  readonly #beganMs = performance.now();

  constructor(
    options: CampaignOptions,
    controlPlane: ControlPlane,
    targets: readonly Target[],
    random: Random,
  ) {
    this.#options = options;
    this.#controlPlane = controlPlane;
    this.#targets = targets;
    this.#random = random;
    this.#folder = mkdtempSync(join(tmpdir(), `watershed-history-${options.seed}-`));
    this.#store = new StoreWatch(controlPlane.etcdUrl, this.#truth);
    const direct = Array.from({ length: writers - targets.length }, () => controlPlane.url);
    const urls = [...direct, ...targets.map(({ url }) => url)];
    const writing = { urls, caFile: controlPlane.caFile, maxPauseMs, random };
    this.#writers = new Writers(writing, this.#truth, this.#tally);
    this.#judging = new Judging({
      truth: this.#truth,
      tally: this.#tally,
      settledAt: (momentMs) => this.#writers.settledAt(momentMs),
      file: join(this.#folder, 'violations.jsonl'),
      log: (line) => this.#log(line),
    });
    this.#watchers = this.#readers('watcher', options.watchersPerProxy, WatchReader);
    this.#listers = this.#readers('lister', options.listersPerProxy, ListReader);
    this.#faults = new Faults({
      controlPlane,
      targets,
      store: this.#store,
      truth: this.#truth,
      tally: this.#tally,
      random: random.fork('faults'),
      watchers: this.#watchers,
      hushed: this.#hushed,
      log: (line) => this.#log(line),
      hushMs,
    });
  }

  async run(): Promise<Report> {
    const { durationMs, seed } = this.#options;
    this.#log(`seed ${seed}, details in ${this.#folder}`);
    const stop = new AbortController();
    try {
      await this.#store.catchUp();
      const readers = [...this.#watchers, ...this.#listers].map((each) => each.run(stop.signal));
      const background = Promise.all([...readers, this.#judgeNowAndThen(stop.signal)]);
      await Promise.race([this.#rounds(this.#beganMs + durationMs), background]);
      stop.abort();
      await background;
      await this.#store.catchUp();
      this.#judging.judge(true);
      for (const name of this.#truth.unconfirmed()) {
        this.#judging.found('truth', `${name} was acknowledged, the store has no such revision`);
      }
      return this.#report();
    } finally {
      stop.abort();
      this.#store.stop();
      this.#writers.close();
      for (const client of this.#clients) client.close();
    }
  }

  async #rounds(endMs: number): Promise<void> {
    while (performance.now() < endMs) {
      await this.#round(Math.min(this.#options.roundMs, endMs - performance.now()));
      await this.#rest();
    }
  }

  /** Load and faults for a while. */
  async #round(ms: number): Promise<void> {
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(), Math.max(0, ms));
    try {
      await Promise.all([this.#writers.run(stop.signal), this.#faults.run(stop.signal)]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Nothing is written and nothing fails: every open watch must come to show everything. */
  async #rest(): Promise<void> {
    for (const watcher of this.#watchers) watcher.steady = true;
    const revision = await this.#store.catchUp();
    const beganMs = performance.now();
    const deadlineMs = beganMs + restTimeoutMs;
    let last = 'none';
    const open = new Map(this.#watchers.map((watcher) => [watcher, watcher.record]));
    for (;;) {
      for (const [watcher, record] of open) {
        const behind =
          record !== undefined &&
          watcher.record === record &&
          this.#judging.standing(record, watcher.parts.target).outstanding > 0;
        if (!behind) open.delete(watcher);
        else last = `${watcher.parts.target.name} ${record.label}`;
      }
      if (open.size === 0) break;
      if (performance.now() > deadlineMs) {
        for (const [watcher, record] of open) {
          const text = `${watcher.parts.target.name} ${record?.label}: behind ${revision}`;
          this.#judging.found('stalled', text, record);
        }
        break;
      }
      await sleep(judgeEveryMs);
    }
    this.#tally.add('rests');
    this.#log(`at rest after ${Math.round(performance.now() - beganMs)} ms, last: ${last}`);
    for (const watcher of this.#watchers) watcher.steady = false;
  }

  async #judgeNowAndThen(signal: AbortSignal): Promise<void> {
    let nextProgressMs = performance.now() + progressEveryMs;
    while (!signal.aborted) {
      this.#store.check();
      this.#judging.judge();
      if (performance.now() > nextProgressMs) {
        nextProgressMs += progressEveryMs;
        const tally = this.#tally;
        this.#log(
          `revision ${this.#truth.head}, ${tally.of('writes acknowledged')} writes, ` +
            `${tally.of('watches')} watches, ${tally.of('events judged')} events judged, ` +
            `${tally.sum('list in')} lists, ${tally.sum('get in')} gets, ` +
            `${tally.sum('fault: ')} faults, ${this.#judging.count} violations`,
        );
      }
      await sleep(judgeEveryMs);
    }
  }

  #readers<T>(name: string, perProxy: number, make: new (parts: ReaderParts) => T): T[] {
    return this.#targets.flatMap((target) => {
      const client = (protocol: 'h2' | 'http/1.1'): StreamClient => {
        const headers = { authorization: `Bearer ${tokens.admin}` };
        const { ca, toProxy } = target;
        const made = new StreamClient({ port: toProxy.port, ca, protocol, headers });
        this.#clients.push(made);
        return made;
      };
      const shared = Array.from({ length: sharedConnections }, () => client('h2'));
      return Array.from({ length: perProxy }, (_, index) => {
        const random = this.#random.fork(`${name} ${target.name} ${index}`);
        const isHttp2 = random.chance(60);
        return new make({
          target,
          client: isHttp2 ? random.pick(shared) : client('http/1.1'),
          protocol: isHttp2 ? 'h2' : 'http/1.1',
          random,
          truth: this.#truth,
          tally: this.#tally,
          judging: this.#judging,
          hushed: this.#hushed,
        });
      });
    });
  }

  #report(): Report {
    const tally = this.#tally;
    tally.add('revisions', this.#truth.head);
    tally.add('contents compared with the store or an earlier showing', this.#truth.known);
    tally.add('contents shown first by a client', this.#truth.assumed);
    for (const { name, relists } of this.#targets) tally.add(`relists of ${name}`, relists);
    if (this.#judging.count > 0) this.#keepLogs();
    else rmSync(this.#folder, { recursive: true });
    const { violations, count: violationCount } = this.#judging;
    return { seed: this.#options.seed, tally, violations, violationCount, folder: this.#folder };
  }

  #keepLogs(): void {
    const { directory } = this.#controlPlane;
    for (const file of readdirSync(directory)) {
      if (file.endsWith('.log')) copyFileSync(join(directory, file), join(this.#folder, file));
    }
  }

  #log(line: string): void {
    const seconds = ((performance.now() - this.#beganMs) / 1000).toFixed(1);
    this.#options.log(`${seconds.padStart(7)} s  ${line}`);
  }
}

/** The last thing a run prints. */
export function reportText(report: Report): string {
  const { seed, tally, violations, violationCount, folder } = report;
  const verdict = `seed ${seed}: ${violationCount} violations`;
  const details = violationCount === 0 ? '' : `\ndetails and logs: ${folder}`;
  return [...tally.lines(), '', ...violations.slice(0, 20), `${verdict}${details}`].join('\n');
}
