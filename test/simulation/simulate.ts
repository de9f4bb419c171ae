/**
 * One run: a scheduler picks from the seed what happens next, until the world is left in peace; then everybody must come
 * to terms with the truth, and nothing may be left waiting, set or open.
 */
import { Cluster } from './apiserver.ts';
import { Proxy } from './proxy.ts';
import { Random } from './random.ts';
import { anyRead, atLeastRead, pastRead, strictRead } from './readers.ts';
import { type Scenario, scenarioOf } from './scenario.ts';
import { Store } from './store.ts';
import type { Stream } from './stream.ts';
import { VirtualTime } from './virtual-time.ts';
import { WatchClient } from './watch-client.ts';
import type { Tally, World } from './world.ts';

export interface Result {
  readonly seed: number;
  /** '' when every promise was kept. */
  readonly violation: string;
  readonly tally: Tally;
  readonly trace: readonly string[];
}

const FIRST_REVISION = 100;
/** As the configuration has it. */
const BARRIER_MS = 3_000;
/** How long a read may take, and what upstream would take for it: a list of many, of few, a single object. */
const BARRIERS = [
  { timeoutMs: BARRIER_MS },
  { timeoutMs: BARRIER_MS },
  { timeoutMs: 400 },
  { timeoutMs: BARRIER_MS, upstreamMs: 100 },
  { timeoutMs: BARRIER_MS, upstreamMs: 4 },
] as const;
/** In peace, everybody is in step after this time: silences, backoffs and a watch period, one after the other. */
const PEACE_MS = 600_000;

const ORDINARY = {
  put: 30,
  delete: 8,
  burst: 3,
  elsewhere: 8,
  strict: 18,
  crowd: 3,
  any: 8,
  past: 4,
  atLeast: 3,
  client: 4,
  bookmark: 5,
  interrupt: 4,
  leave: 1,
  progress: 3,
  housekeeping: 2,
};

const TROUBLE = {
  cut: 6,
  end: 3,
  stall: 2,
  kill: 2,
  recache: 2,
  freeze: 3,
  compact: 2,
  forget: 3,
  relist: 1,
  overlap: 3,
};

export function noTally(): Tally {
  return {
    proven: 0,
    passedThrough: 0,
    anyReads: 0,
    events: 0,
    bookmarks: 0,
    watches: 0,
    expired: 0,
    requests: 0,
    lists: 0,
    byProbe: 0,
    byWait: 0,
    byList: 0,
    byDelta: 0,
  };
}

export function addTally(a: Tally, b: Tally): Tally {
  const sum = noTally();
  for (const name in sum)
    sum[name as keyof Tally] = a[name as keyof Tally] + b[name as keyof Tally];
  return sum;
}

export async function simulate(seed: number, tracing = false): Promise<Result> {
  return new Run(seed, tracing).run();
}

class Run implements World {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly store: Store;
  readonly cluster: Cluster;
  readonly proxy: Proxy;
  readonly weather: Scenario['weather'];
  readonly bridged: boolean;
  readonly tally = noTally();
  waiting = 0;
  violation = '';
  readonly #seed: number;
  readonly #scenario: Scenario;
  readonly #clients: WatchClient[] = [];
  readonly #trace: string[] = [];
  readonly #tracing: boolean;
  #clientNumber = 0;

  constructor(seed: number, tracing: boolean) {
    const random = new Random(seed);
    const scenario = scenarioOf(random);
    this.#seed = seed;
    this.#tracing = tracing;
    this.#scenario = scenario;
    this.random = random;
    this.bridged = scenario.bridged;
    this.weather = scenario.weather;
    this.time = new VirtualTime(random);
    this.store = new Store(FIRST_REVISION);
    for (let k = 0; k < scenario.initialWrites; k++) this.store.put(random.pick(scenario.keys));
    const { servers, weather, window, freshness } = scenario;
    this.cluster = new Cluster(this.time, random, this.store, { ...weather, servers });
    this.proxy = new Proxy({
      time: this.time,
      random,
      upstream: this.cluster,
      window,
      freshness,
      bridgeExpiry: scenario.bridged,
      onProgress: () => {
        this.note(() => `the lane is ${this.proxy.lane.state.kind} at ${this.proxy.lane.frontier}`);
      },
      onFault: (error) => this.violate(`the lane failed: ${String(error)}`),
    });
    if (tracing) this.cluster.note = (line): void => this.note(line);
    this.note(() => JSON.stringify(scenario));
  }

  note(line: () => string): void {
    if (this.#tracing) this.#trace.push(`${(this.time.now() - 1e6).toFixed(1)} ms: ${line()}`);
  }

  violate(message: string): void {
    if (this.violation !== '') return;
    this.violation = message;
    this.note(() => `VIOLATION: ${message}`);
  }

  async run(): Promise<Result> {
    const { random, proxy, time } = this;
    const { steps, trouble, pace } = this.#scenario;
    proxy.reflector.start();
    if (random.chance(0.8)) await time.until(() => proxy.serving, 60_000);
    for (let k = 0; k < this.#scenario.clients; k++) this.#join();
    for (let k = 0; k < steps && this.violation === ''; k++) {
      await time.until(() => this.violation !== '', random.spread(pace));
      if (random.chance(trouble)) this.#trouble();
      else this.#ordinary();
      time.touch();
    }
    if (this.violation === '') await this.#peace();
    if (this.violation === '') await this.#close();
    else await proxy.close();
    const { paths } = proxy.freshness.counters;
    this.tally.byProbe = paths.probe;
    this.tally.byWait = paths.wait;
    this.tally.byList = paths.validate;
    this.tally.byDelta = paths.delta;
    this.tally.requests = this.cluster.requests;
    this.tally.lists = proxy.reflector.counters.lists;
    return { seed: this.#seed, violation: this.violation, tally: this.tally, trace: this.#trace };
  }

  // ---- steps ----------------------------------------------------------------------------------------------------------

  #ordinary(): void {
    const { random, store } = this;
    const { keys } = this.#scenario;
    const step = random.weighted(ORDINARY);
    switch (step) {
      case 'put':
        return this.#write(random.pick(keys));
      case 'delete':
        store.delete(random.pick(keys));
        return this.note(() => `a deletion: the store is at ${store.revision}`);
      case 'burst':
        for (let k = random.below(6); k >= 0; k--) this.#write(random.pick(keys));
        return;
      case 'elsewhere':
        store.elsewhere(1 + random.below(3));
        return this.note(() => `writes elsewhere: the store is at ${store.revision}`);
      case 'strict':
        return void strictRead(this, random.pick(BARRIERS));
      case 'crowd':
        for (let k = random.below(5); k >= 0; k--) void strictRead(this, random.pick(BARRIERS));
        return;
      case 'any':
        return anyRead(this);
      case 'past':
        return pastRead(this);
      case 'atLeast':
        return void atLeastRead(this, BARRIER_MS);
      case 'progress':
        return random.pick(this.cluster.servers).cache.progress();
      case 'housekeeping':
        if (random.chance(0.5)) this.proxy.lane.sweep();
        else this.proxy.lane.shrinkWindow(random.below(1_000));
        return;
      default:
        return this.#client(step);
    }
  }

  #client(step: 'client' | 'bookmark' | 'interrupt' | 'leave'): void {
    const { random } = this;
    if (step === 'client' || this.#clients.length === 0) {
      if (this.#clients.length < 6) this.#join();
      return;
    }
    const client = random.pick(this.#clients);
    if (step === 'bookmark') client.bookmark();
    else if (step === 'interrupt') client.interrupt(random.chance(0.5));
    else {
      client.leave();
      this.#clients.splice(this.#clients.indexOf(client), 1);
    }
  }

  #join(): void {
    const namespace = this.random.pick(['', '', 'a', 'b']);
    const client = new WatchClient(this, `client ${++this.#clientNumber}`, namespace);
    this.#clients.push(client);
    client.start();
  }

  #write(key: string): void {
    this.store.put(key);
    this.note(() => `a write of ${key}: the store is at ${this.store.revision}`);
  }

  #trouble(): void {
    const { random, store, cluster, time } = this;
    const server = random.pick(cluster.servers);
    const trouble = random.weighted(TROUBLE);
    this.note(() => `trouble: ${trouble}`);
    switch (trouble) {
      case 'cut':
        return this.#someStream()?.cut();
      case 'end':
        return this.#someStream()?.end();
      case 'stall':
        return this.#someStream()?.stall(random.pick([500, 5_000, 100_000, 1e9]));
      case 'kill':
        if (!server.up) return;
        server.kill(random.chance(0.5));
        return time.after(random.between(1, 20_000), () => server.revive());
      case 'recache':
        if (!server.up) return;
        server.cache.stop();
        return time.after(random.between(1, 5_000), () => {
          if (server.up && !server.cache.ready) server.cache.start();
        });
      case 'freeze':
        return server.cache.freeze(random.pick([100, 1_000, 8_000]));
      case 'compact':
        store.compacted = store.revision - random.below(3);
        return;
      case 'forget':
        return server.cache.forget(1 + random.below(8));
      case 'relist':
        return this.proxy.reflector.relist('the run wants it');
      case 'overlap':
        return this.#overlap();
    }
  }

  /** A proof is under way while the lane is listed anew and written to. */
  #overlap(): void {
    const { random, time, proxy } = this;
    this.store.elsewhere(1);
    void strictRead(this, BARRIERS[0]);
    time.after(random.between(50, 2_000), () => {
      if (this.violation !== '') return;
      time.touch();
      proxy.reflector.relist('the run wants it');
      for (let k = random.below(3); k >= 0; k--) {
        time.after(random.between(0, 150), () => this.#write(random.pick(this.#scenario.keys)));
      }
    });
  }

  #someStream(): Stream | undefined {
    const open = [...this.cluster.bodies];
    return open.length === 0 ? undefined : this.random.pick(open);
  }

  // ---- the end --------------------------------------------------------------------------------------------------------

  /** Nothing goes wrong any more: every client gets in step, and strict reads are proven again. */
  async #peace(): Promise<void> {
    const { time, store, weather, cluster, proxy } = this;
    this.note(() => 'peace');
    weather.faults = 0;
    for (const server of cluster.servers) {
      if (!server.up) server.revive();
      else if (!server.cache.ready) server.cache.start();
    }
    this.#write(this.#scenario.keys[0]);
    const bookmarks = (): void => {
      if (this.violation !== '') return;
      for (const client of this.#clients) client.bookmark();
      time.after(20_000, bookmarks);
    };
    bookmarks();
    let proven = false;
    const read = async (): Promise<void> => {
      while (!proven && this.violation === '') {
        proven = (await strictRead(this, BARRIERS[0])) !== undefined;
        if (!proven) await new Promise<void>((wake) => time.timer(2_000, wake));
      }
    };
    void read();
    const inStep = (): boolean =>
      this.violation !== '' ||
      (proven && proxy.lane.frontier >= store.revision && this.#clients.every((c) => c.inStep));
    if (await time.until(inStep, PEACE_MS)) return anyRead(this);
    const left = this.#clients.filter((client) => !client.inStep).length;
    const { phase } = proxy.reflector.state;
    this.violate(
      `after ${PEACE_MS} ms of peace: read proven: ${proven}, frontier ${proxy.lane.frontier} of ${store.revision}, ` +
        `${left} clients out of step, reflector ${JSON.stringify(phase)}`,
    );
  }

  /** Everything is let go: nobody waits, no timer is set, no connection is open. */
  async #close(): Promise<void> {
    const { time, proxy, cluster } = this;
    // A read that was begun in the last moment before.
    void strictRead(this, BARRIERS[0]);
    await time.pass(this.random.pick([0, 0, 2, 50]));
    for (const client of this.#clients) client.leave();
    const closed = proxy.close();
    let stopped = false;
    void closed.then(() => (stopped = true));
    const idle = (): boolean =>
      stopped &&
      this.waiting +
        proxy.freshness.waiting +
        time.timers +
        cluster.bodies.size +
        cluster.pending ===
        0;
    if (await time.until(idle, 2 * BARRIER_MS)) return;
    this.violate(
      `after the end: stopped ${stopped}, ${this.waiting} reads waiting, ${time.timers} timers set, ` +
        `${cluster.bodies.size} bodies open, ${cluster.pending} calls without an answer`,
    );
  }
}
