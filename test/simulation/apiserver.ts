/**
 * Simulated apiservers behind one address: requests take their time, reach any of them, and are answered as kube-apiserver
 * answers them (apiserver-semantics 3.1, 3.2, 4.3, 4.4), or not at all. Each has a watch cache of its own.
 */
import type { ReadRequest, ReadResponse, UpstreamReader } from '../../src/watch/upstream-reader.ts';
import type { Random, Spread } from './random.ts';
import { type Change, listOf, statusOf, type Store } from './store.ts';
import { type Network, Stream } from './stream.ts';
import type { VirtualTime } from './virtual-time.ts';
import { WatchCache } from './watch-cache.ts';

/** What the world does to requests; `faults` is turned off when a run comes to its end. */
export interface Weather {
  readonly etcdDelay: Spread;
  readonly dispatchDelay: Spread;
  readonly networkDelay: Spread;
  readonly ringChanges: number;
  /** Requests follow each other to the same apiserver. */
  readonly sticky: boolean;
  /** False: a release without streaming lists. */
  readonly streamingLists: boolean;
  /** Items of a page at most, whatever the limit; so that few objects make many pages. */
  readonly pageItems: number;
  /** Of all requests that go wrong. */
  faults: number;
}

/** A request on its way, and its answer. */
interface Call {
  readonly path: string;
  readonly params: URLSearchParams;
  readonly metadataOnly: boolean;
  readonly answer: (status: number, headers?: readonly string[]) => Stream | undefined;
  readonly fail: (reason: string) => void;
}

const QUORUM_MS = 0.5;

export class Apiserver {
  readonly cache: WatchCache;
  readonly streams = new Set<Stream>();
  readonly calls = new Set<Call>();
  up = true;

  constructor(cache: WatchCache) {
    this.cache = cache;
  }

  /** Dies: connections break, or end as a shutdown ends them. */
  kill(cleanly: boolean): void {
    this.up = false;
    if (cleanly) for (const stream of this.streams) stream.end();
    this.cache.stop();
    for (const stream of this.streams) stream.cut();
    for (const call of this.calls) call.fail('ECONNRESET');
  }

  revive(): void {
    this.up = true;
    this.cache.start();
  }
}

export class Cluster implements UpstreamReader {
  readonly servers: readonly Apiserver[];
  /** Bodies the code under test still holds. */
  readonly bodies = new Set<Stream>();
  /** Calls without an answer yet. */
  pending = 0;
  requests = 0;
  /** Writes a line of the trace, if there is one. */
  note: (line: () => string) => void = () => {};
  readonly #time: VirtualTime;
  readonly #random: Random;
  readonly #store: Store;
  readonly #weather: Weather;
  #preferred = 0;

  constructor(
    time: VirtualTime,
    random: Random,
    store: Store,
    weather: Weather & { readonly servers: number },
  ) {
    this.#time = time;
    this.#random = random;
    this.#store = store;
    this.#weather = weather;
    this.servers = Array.from({ length: weather.servers }, () => {
      const { etcdDelay, dispatchDelay, ringChanges } = weather;
      const cache = new WatchCache({ store, time, random, etcdDelay, dispatchDelay, ringChanges });
      cache.start();
      return new Apiserver(cache);
    });
    store.onChange = (): void => {
      for (const { cache } of this.servers) cache.hear();
    };
  }

  open(path: string, { signal, headers = {} }: ReadRequest): Promise<ReadResponse> {
    const number = ++this.requests;
    this.note(() => `request ${number}: ${path.slice(path.indexOf('?') + 1)}`);
    return new Promise((resolve, reject) => {
      const server = this.#choose();
      const time = this.#time;
      let settled = false;
      let stream: Stream | undefined;
      const settle = (): boolean => {
        if (settled) return false;
        settled = true;
        this.pending--;
        server.calls.delete(call);
        time.touch();
        return true;
      };
      const onAbort = (): void => {
        if (settle()) reject(new Error('aborted'));
        stream?.abort();
      };
      const question = path.indexOf('?');
      const call: Call = {
        path,
        params: new URLSearchParams(question < 0 ? '' : path.slice(question + 1)),
        metadataOnly: headers.accept?.includes('as=PartialObjectMetadataList') ?? false,
        fail: (reason) => {
          this.note(() => `request ${number} fails: ${reason}`);
          if (!settle()) return;
          // A body whose head never arrived is nobody's.
          stream?.abort();
          reject(new Error(reason));
        },
        answer: (status, rawHeaders = []) => {
          if (settled || !server.up) return undefined;
          const delayMs = this.#random.spread(this.#weather.networkDelay);
          const body = new Stream(this.#network, time.now() + delayMs);
          stream = body;
          server.streams.add(body);
          time.after(delayMs, () => {
            this.note(() => `request ${number} is answered: ${status}`);
            if (settle()) resolve({ status, headers: rawHeaders, body });
            else body.destroy();
          });
          return body;
        },
      };
      this.pending++;
      server.calls.add(call);
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort, { once: true });
      time.after(this.#random.spread(this.#weather.networkDelay), () => {
        if (!settled) this.#arrive(server, call);
      });
    });
  }

  get #network(): Network {
    const { networkDelay: delay } = this.#weather;
    return { time: this.#time, random: this.#random, delay, open: this.bodies };
  }

  /** The balancer: keeps to one that is up, or goes anywhere. */
  #choose(): Apiserver {
    const { servers } = this;
    const { sticky } = this.#weather;
    if (!sticky || !servers[this.#preferred].up)
      this.#preferred = this.#random.below(servers.length);
    return servers[this.#preferred];
  }

  #arrive(server: Apiserver, call: Call): void {
    if (!server.up) {
      call.fail('ECONNREFUSED');
      return;
    }
    if (this.#random.chance(this.#weather.faults)) this.#mistreat(call);
    else if (call.params.get('watch') === null) this.#list(server, call);
    else if (call.params.get('sendInitialEvents') === null) this.#watch(server, call);
    else this.#watchList(server, call);
  }

  #mistreat(call: Call): void {
    const fault = this.#random.weighted({
      hang: 2,
      reset: 2,
      status: 5,
      garbage: 1,
      silence: 1,
      short: 1,
    });
    if (fault === 'reset') call.fail('ECONNRESET');
    else if (fault === 'status') this.#refuse(call, this.#random.pick([429, 500, 503, 504]));
    else if (fault === 'garbage') {
      const stream = call.answer(200);
      stream?.send(Buffer.from('{"type":"ADDED","object":'));
      stream?.send(Buffer.from('<html>an error</html>\n'));
      stream?.end();
    } else if (fault === 'silence') call.answer(200);
    else if (fault === 'short') call.answer(200)?.end();
  }

  #refuse(call: Call, code: number): void {
    const retry = this.#random.chance(0.5) ? ['Retry-After', '1'] : [];
    const stream = call.answer(code, retry);
    stream?.send(Buffer.from(statusOf(code, '', `no: ${code}`)));
    stream?.end();
  }

  /** A consistent read: the revision of the store now, then the cache once it is there, else the store itself. */
  #list(server: Apiserver, call: Call): void {
    const { cache } = server;
    const store = this.#store;
    const token = call.params.get('continue');
    const limit = Number(call.params.get('limit') ?? 0);
    if (token !== null) {
      const [revision, offset] = token.split('-').map(Number);
      if (revision < store.compacted) this.#refuse(call, 410);
      else this.#answerList(call, revision, offset, limit);
      return;
    }
    if (!cache.ready && limit === 0) {
      this.#refuse(call, 429);
      return;
    }
    const { revision } = store;
    this.#time.after(QUORUM_MS, () => {
      if (!cache.ready) this.#answerList(call, store.revision, 0, limit);
      else {
        cache.whenFresh(revision, (fresh) => {
          this.#answerList(call, fresh ? cache.revision : store.revision, 0, limit);
        });
      }
    });
  }

  #answerList(call: Call, revision: number, offset: number, limit: number): void {
    const store = this.#store;
    const probed = call.params.get('fieldSelector') !== null;
    const all = probed ? [] : sorted(store.stateAfter(store.changesUpTo(revision)));
    const length = limit > 0 ? Math.min(limit, this.#weather.pageItems) : all.length;
    const page = all.slice(offset, offset + length);
    const next = offset + length;
    const continueToken = next < all.length ? `${revision}-${next}` : '';
    const stream = call.answer(200);
    stream?.send(listOf(revision, page, { metadataOnly: call.metadataOnly, continueToken }));
    stream?.end();
  }

  #watch(server: Apiserver, call: Call): void {
    if (!server.cache.ready) {
      this.#refuse(call, 429);
      return;
    }
    const from = Number(call.params.get('resourceVersion'));
    const stream = call.answer(200);
    if (stream !== undefined) server.cache.watch(stream, from, timeoutOf(call));
  }

  #watchList(server: Apiserver, call: Call): void {
    const { cache } = server;
    if (!this.#weather.streamingLists) {
      this.#refuse(call, 422);
      return;
    }
    if (!cache.ready) {
      this.#refuse(call, 429);
      return;
    }
    const { revision } = this.#store;
    this.#time.after(QUORUM_MS, () => {
      cache.whenFresh(revision, (fresh) => {
        const stream = call.answer(200);
        if (stream === undefined) return;
        if (fresh) {
          cache.watchList(stream, timeoutOf(call));
          return;
        }
        const status = statusOf(504, 'Timeout', 'Too large resource version');
        stream.send(Buffer.from(`{"type":"ERROR","object":${status}}\n`));
        stream.end();
      });
    });
  }
}

function sorted(state: ReadonlyMap<string, Change>): Change[] {
  return [...state.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
}

function timeoutOf(call: Call): number {
  return Number(call.params.get('timeoutSeconds')) * 1000;
}
