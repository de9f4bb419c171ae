/**
 * One client that keeps itself in step by watches, as an informer does: it lists, watches from there, takes up where it was
 * cut off, and lists anew when it is told 410. What it gets is judged by watch-judge.ts.
 */
import { NO_PEER } from '../../src/auth/certificate.ts';
import { ALL_FIELDS } from '../../src/k8s/field-selector.ts';
import { EVERYTHING } from '../../src/k8s/label-selector.ts';
import type { ListOptions } from '../../src/k8s/list-options.ts';
import type { Exchange } from '../../src/proxy/exchange.ts';
import { serveWatch, type WatchRequest } from '../../src/proxy/serve-watch.ts';
import type { WatchStream } from '../../src/proxy/watch-stream.ts';
import type { Spread } from './random.ts';
import { strictRead } from './readers.ts';
import { ClientSink } from './sink.ts';
import { WatchJudge } from './watch-judge.ts';
import type { World } from './world.ts';

type Form = 'resume' | 'streaming list' | 'streaming list from' | 'from now';

const AWAY: Spread = { none: 1, short: 4, middle: 3, long: 2, endless: 1 };
const TAKING: Spread = { none: 4, short: 8, middle: 3, long: 0.5, endless: 0.1 };
/** Whose watch it is; all are of one. */
const CALLER = { rawHeaders: [], remoteAddress: '10.0.0.1', connection: { peer: NO_PEER } };
const NO_EXCHANGE = {
  target: '',
  aborted: true,
  respond: (): never => {
    throw new Error('nothing was asked');
  },
};
/** No watch ends by its own deadline in a run. */
const LIFETIME_SECONDS = 1_000_000;

export class WatchClient {
  readonly #world: World;
  readonly #name: string;
  /** '' for all namespaces. */
  readonly #namespace: string;
  readonly #judge: WatchJudge;
  #sink: ClientSink | undefined;
  #stream: WatchStream | undefined;
  #exchange: { target: string; aborted: boolean; respond: () => ClientSink } = NO_EXCHANGE;
  #tickMs = 0;
  #gone = false;

  constructor(world: World, name: string, namespace: string) {
    this.#world = world;
    this.#name = name;
    this.#namespace = namespace;
    this.#judge = new WatchJudge(world, name, namespace);
  }

  /** A watch is open. */
  get watching(): boolean {
    return this.#sink !== undefined && !this.#sink.closed;
  }

  /** Has a watch open and has seen everything of its namespace. */
  get inStep(): boolean {
    return this.watching && this.#judge.inStep;
  }

  start(): void {
    void this.#run();
  }

  /** The proxy sends a bookmark when it may. */
  bookmark(): void {
    this.#tickMs += 1e7;
    this.#stream?.tick(performance.now() + this.#tickMs);
  }

  /** The watch ends: by its deadline, or because the client's connection breaks. */
  interrupt(byClient: boolean): void {
    if (!this.watching) return;
    if (this.#stream === undefined) {
      this.#exchange.aborted = byClient;
    } else if (byClient) {
      this.#sink?.leave();
      this.#ended();
    } else {
      this.#stream.end('timeout');
    }
  }

  /** Goes away for good. */
  leave(): void {
    this.#gone = true;
    this.#sink?.leave();
  }

  async #run(): Promise<void> {
    const { random, bridged } = this.#world;
    if (this.#judge.revision === 0) {
      const form = random.weighted({ list: 6, streaming: 4, from: 1, now: bridged ? 0 : 1 });
      if (form === 'streaming') return this.#watch('streaming list');
      if (form === 'now') return this.#watch('from now');
      if (form === 'from') return this.#watch('streaming list from');
      if (!(await this.#list())) return this.#later();
    }
    return this.#watch('resume');
  }

  async #list(): Promise<boolean> {
    const { store, random } = this.#world;
    const listed = await strictRead(this.#world, { timeoutMs: 3_000 });
    // What was passed through is answered at a revision that this lane may not have reached.
    if (listed === undefined) this.#judge.stand(store.revision);
    // Somebody who lists elsewhere, or comes back with an old revision.
    else if (random.chance(0.1)) this.#judge.stand(Math.max(1, store.revision - random.below(6)));
    else this.#judge.stand(listed.revision);
    return !this.#gone;
  }

  async #watch(form: Form): Promise<void> {
    const world = this.#world;
    const { proxy, store, random } = world;
    if (!proxy.serving) return this.#passedThrough('no lane');
    const began = store.revision;
    const from = form === 'streaming list from' ? Math.max(1, began - random.below(4)) : began;
    const initial = form === 'streaming list' || form === 'streaming list from';
    const options: ListOptions = {
      watch: true,
      resourceVersion:
        form === 'resume'
          ? this.#judge.revision
          : form === 'streaming list from'
            ? from
            : undefined,
      match: form === 'resume' ? '' : 'NotOlderThan',
      limit: 0,
      continueToken: undefined,
      labels: EVERYTHING,
      fields: ALL_FIELDS,
      rawLabelSelector: '',
      rawFieldSelector: '',
      timeoutSeconds: LIFETIME_SECONDS,
      allowWatchBookmarks: initial || random.chance(0.9),
      sendInitialEvents: form === 'resume' ? undefined : initial,
    };
    this.#say(() => `asks for a watch: ${form} ${options.resourceVersion ?? ''}`);
    const started = await this.#serve(options);
    if (started === undefined) return;
    world.tally.watches++;
    if (this.#gone) this.#sink?.leave();
    else if (form === 'from now') {
      // Its client is not told where it starts: somewhere between the asking and the answer.
      this.#judge.beginBetween(began, world.store.revision);
    }
  }

  async #serve(options: ListOptions): Promise<WatchStream | undefined> {
    const world = this.#world;
    const { proxy } = world;
    const { time, random } = world;
    const sink = new ClientSink({
      deliver: (done) =>
        time.after(random.spread(TAKING), () => {
          time.touch();
          done();
        }),
      onBytes: (text) => {
        if (this.#sink === sink) this.#judge.take(text);
      },
      onEnd: () => {
        if (this.#sink === sink) this.#ended();
      },
    });
    this.#exchange = { ...CALLER, target: '/', aborted: false, respond: () => sink };
    const request: WatchRequest = {
      exchange: this.#exchange as unknown as Exchange,
      entry: proxy.entry,
      namespace: this.#namespace,
      options,
      barrierTimeoutMs: 3_000,
    };
    // The answer may begin before serveWatch returns, and nothing of it may be lost.
    this.#sink = sink;
    this.#stream = undefined;
    const initialFrom = options.resourceVersion ?? world.store.revision;
    this.#judge.begin(options.sendInitialEvents === true ? initialFrom : undefined);
    world.waiting++;
    try {
      const served = await serveWatch(proxy.services, request, undefined as never);
      if (served.kind === 'not-served') {
        this.#sink = undefined;
        this.#passedThrough(served.reason);
        return undefined;
      }
      // Undefined: it was told 410 at once.
      this.#stream = served.value;
      return served.value;
    } catch (error) {
      world.violate(`${this.#name}: a watch throws ${String(error)}`);
      return undefined;
    } finally {
      world.waiting--;
    }
  }

  /** Upstream serves it for a while, and it comes back with what upstream had. */
  #passedThrough(reason: string): void {
    this.#say(() => `is passed through: ${reason}`);
    this.#judge.end();
    const { store, random } = this.#world;
    const behind = random.below(3);
    this.#judge.stand(Math.max(this.#judge.revision, store.revision - behind));
    this.#later();
  }

  #later(): void {
    if (this.#gone) return;
    const { time, random } = this.#world;
    time.after(Math.max(1, random.spread(AWAY)), () => {
      if (this.#gone || this.#world.violation !== '') return;
      time.touch();
      this.start();
    });
  }

  #ended(): void {
    this.#say(() => `its watch ended at ${this.#judge.revision}`);
    this.#sink = undefined;
    this.#stream = undefined;
    this.#judge.end();
    this.#later();
  }

  #say(line: () => string): void {
    this.#world.note(() => `${this.#name} ${line()}`);
  }
}
