/**
 * Admission: how many requests may be answered and watches be open at once, so that one client or one
 * crowd cannot take the memory of all. Counts only; who may read what is decided elsewhere.
 *
 * Full is said as 429 with Retry-After, never as 5xx: client-go then keeps its revision and comes back
 * without a relist (semantics 9.2).
 */
import { tooManyRequests, type StatusResponse } from '../k8s/status.ts';
import type { Exchange } from './exchange.ts';

export interface AdmissionLimits {
  /** Watches open in the whole process, those passed through included. */
  readonly maxWatches: number;
  /** Other requests being answered in the whole process (kube-apiserver: 400 + 200). */
  readonly maxInFlight: number;
  /** The same on one connection; a kubelet's burst is 100. */
  readonly maxInFlightPerConnection: number;
}

export const DEFAULT_ADMISSION_LIMITS: AdmissionLimits = Object.freeze({
  maxWatches: 200_000,
  maxInFlight: 4_000,
  maxInFlightPerConnection: 250,
});

const RETRY_AFTER_SECONDS = 1;
const TOO_MANY_REQUESTS = 'Too many requests, please try again later.';
const TOO_MANY_WATCHES = 'Too many open watches, please try again later.';
const DRAINING = 'The server is shutting down, please try again later.';

export class Admission {
  openWatches = 0;
  inFlight = 0;
  refusedWatches = 0;
  refusedRequests = 0;
  /** While true no watch is admitted: a drain would end it at once. */
  draining = false;
  readonly #limits: AdmissionLimits;

  constructor(limits: AdmissionLimits = DEFAULT_ADMISSION_LIMITS) {
    this.#limits = limits;
  }

  /**
   * Counts a request that is not a watch until it is over. False: it was answered 429 here, and the
   * caller has nothing more to do.
   */
  request(exchange: Exchange): boolean {
    const { connection } = exchange;
    if (
      this.inFlight >= this.#limits.maxInFlight ||
      connection.inFlight >= this.#limits.maxInFlightPerConnection
    ) {
      this.refusedRequests++;
      exchange.respondStatus(full(TOO_MANY_REQUESTS));
      return false;
    }
    this.inFlight++;
    connection.inFlight++;
    exchange.onClose(() => {
      this.inFlight--;
      connection.inFlight--;
    });
    return true;
  }

  /** The same for a watch. */
  watch(exchange: Exchange): boolean {
    if (this.draining || this.openWatches >= this.#limits.maxWatches) {
      this.refusedWatches++;
      exchange.respondStatus(full(this.draining ? DRAINING : TOO_MANY_WATCHES));
      return false;
    }
    this.openWatches++;
    exchange.onClose(() => {
      this.openWatches--;
    });
    return true;
  }
}

function full(message: string): StatusResponse {
  return tooManyRequests(message, RETRY_AFTER_SECONDS);
}
