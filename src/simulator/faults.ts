/**
 * Faults: what can be made to go wrong, from code or by `POST /_faults?cut&expire&...`.
 *
 * Several in one request are done in the order they are written. Nothing here lasts longer than it
 * was asked for.
 */
import { tooManyRequests } from '../k8s/status.ts';
import { ApiError, badRequestError, failure } from './errors.ts';
import type { Store } from './store.ts';
import type { WatchHub } from './watch-hub.ts';

/** Bound on every duration and count that is asked for over HTTP. */
const MAX_FAULT = 10_000_000;

export class Faults {
  readonly #hub: WatchHub;
  readonly #store: Store;
  #delayMs = 0;
  #failCode: 429 | 500 = 500;
  #failLeft = 0;

  constructor(hub: WatchHub, store: Store) {
    this.#hub = hub;
    this.#store = store;
  }

  /** Destroys the connections of all watches; returns how many watches there were. */
  cut(): number {
    return this.#hub.cut();
  }

  /** Nothing is written to watches for this long. */
  stall(durationMs: number): void {
    this.#hub.stall(durationMs);
  }

  /** Forgets all history: a watch or page from before gets 410. */
  expire(): void {
    this.#store.expireWindows();
  }

  /** Every other request waits this long before it is answered; 0 ends it. */
  slow(delayMs: number): void {
    this.#delayMs = delayMs;
  }

  /** Sends a broken line to every watch; returns how many there are. */
  garbage(): number {
    return this.#hub.garbage();
  }

  /** The next requests for resources are answered with this code. */
  fail(code: 429 | 500, requests: number): void {
    this.#failCode = code;
    this.#failLeft = requests;
  }

  get delayMs(): number {
    return this.#delayMs;
  }

  /** Throws while failures are left over. */
  check(): void {
    if (this.#failLeft <= 0) return;
    this.#failLeft -= 1;
    if (this.#failCode === 429) {
      throw new ApiError(tooManyRequests('storage is (re)initializing', 1));
    }
    const message = 'Internal error occurred: a fault was asked for';
    const details = { causes: [{ message: 'a fault was asked for' }] };
    throw failure({ code: 500, message, reason: 'InternalError', details });
  }

  /** Does what a query asks for: `cut`, `stall=MS`, `expire`, `slow=MS`, `garbage`, `fail=429,COUNT`. */
  apply(query: URLSearchParams): Record<string, unknown> {
    const done: Record<string, unknown> = {};
    for (const [name, value] of query) done[name] = this.#one(name, value) ?? true;
    if (Object.keys(done).length > 0) return done;
    throw badRequestError('name a fault: cut, stall=MS, expire, slow=MS, garbage, fail=CODE,COUNT');
  }

  #one(name: string, value: string): unknown {
    switch (name) {
      case 'cut':
        return this.cut();
      case 'stall':
        return this.stall(amount(name, value));
      case 'expire':
        return this.expire();
      case 'slow':
        return this.slow(amount(name, value));
      case 'garbage':
        return this.garbage();
      case 'fail': {
        const [code, count = '1'] = value.split(',');
        if (code !== '429' && code !== '500') throw badRequestError('fail takes 429 or 500');
        return this.fail(code === '429' ? 429 : 500, amount(name, count));
      }
      default:
        throw badRequestError(`unknown fault ${name}`);
    }
  }
}

function amount(name: string, text: string): number {
  const value = Number(text);
  if (/^[0-9]+$/.test(text) && value <= MAX_FAULT) return value;
  throw badRequestError(`${name} takes a number up to ${MAX_FAULT}`);
}
