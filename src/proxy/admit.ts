/**
 * Admission: how many requests may be answered and watches be open at once, in all, on one connection and for one
 * identity, so that one client or one crowd cannot take the memory of all. Counts only; who may read what is decided
 * elsewhere.
 *
 *   stranger --upstream accepted its token--> one of the identities
 *
 * Requests of strangers (no token, or one that upstream has not accepted yet) are counted in a budget of their own, by
 * address, and never use up that of the others. A request moves over as soon as upstream vouched for its token; the
 * next ones with that token begin there.
 *
 * Full is said as 429 with Retry-After, never as 5xx: client-go then keeps its revision and comes back without a relist
 * (semantics 9.2).
 */
import { LRUCache } from 'lru-cache';
import { tooManyRequests } from '../k8s/status.ts';
import { holderOf, type Holder } from './holder.ts';
import { type Exchange, vouchFor } from './exchange.ts';
import { FloodMeter } from './flood-meter.ts';
import { isLongRunningTarget } from './request-kind.ts';
import { DistinctShares, Shares } from './shares.ts';

/** Origins of the defaults: src/config/limit-options.ts. */
export interface AdmissionLimits {
  /** Watches open in the whole process, those passed through included. */
  readonly maxWatches: number;
  readonly maxWatchesPerIdentity: number;
  /** Other requests being answered in the whole process. */
  readonly maxInFlight: number;
  /** The same on one connection, which may be a balancer's with many identities behind it. */
  readonly maxInFlightPerConnection: number;
  readonly maxInFlightPerIdentity: number;
  /** Requests and watches of strangers; not part of the others. */
  readonly maxStrangers: number;
  readonly maxStrangersPerAddress: number;
  /** Those of them that upstream is asked to answer: less than the connections it may be asked on. */
  readonly maxStrangersForwarded: number;
  /** The same for one identity. */
  readonly maxForwardedPerIdentity: number;
  /** A second, that upstream is asked to answer with a token it has refused before. */
  readonly maxRefusalsPerToken: number;
  /** Different selectors watched that every event has to be matched with. */
  readonly maxFilterGroupsPerIdentity: number;
}

export const DEFAULT_ADMISSION_LIMITS: AdmissionLimits = Object.freeze({
  maxWatches: 200_000,
  maxWatchesPerIdentity: 10_000,
  maxInFlight: 4_000,
  maxInFlightPerConnection: 1_000,
  maxInFlightPerIdentity: 1_000,
  maxStrangers: 1_000,
  maxStrangersPerAddress: 500,
  maxStrangersForwarded: 300,
  maxForwardedPerIdentity: 300,
  maxRefusalsPerToken: 100,
  maxFilterGroupsPerIdentity: 200,
});

/** Every limit that is kept here; each is a label of watershed_limits_reached_total. */
const ADMISSION_LIMITS = [
  'watches',
  'watches_per_identity',
  'requests',
  'requests_per_connection',
  'requests_per_identity',
  'forwarded_per_identity',
  'refused_token',
  'unauthenticated',
  'unauthenticated_per_address',
  'unauthenticated_forwarded',
  'filter_groups_per_identity',
] as const;

export type AdmissionLimit = (typeof ADMISSION_LIMITS)[number];

const TOO_MANY_REQUESTS = 'Too many requests, please try again later.';
const TOO_MANY_WATCHES = 'Too many open watches, please try again later.';
const TOO_MANY_SELECTORS = 'Too many different selectors are watched, please try again later.';
const DRAINING = 'The server is shutting down, please try again later.';

const REFUSED_TOKEN =
  'Too many requests with a token that is not accepted, please try again later.';
const REFUSALS_WINDOW_MS = 1_000;

/** Digests of tokens upstream accepted: one a client, and as many as decisions are remembered (auth.md 2.5). */
const MAX_VOUCHED = 65_536;
/** The same of tokens upstream refused. */
const MAX_REFUSED = 65_536;

type Kind = 'request' | 'watch';

/** One exchange being counted. */
interface Ticket {
  readonly kind: Kind;
  readonly holder: Holder;
  isStranger: boolean;
  forwarded: boolean;
}

export class Admission {
  /** Of identities, as the two below. */
  openWatches = 0;
  inFlight = 0;
  /** Requests and watches of strangers. */
  strangers = 0;
  strangersForwarded = 0;
  /** Times each limit was the reason for a refusal. */
  readonly refused = Object.fromEntries(ADMISSION_LIMITS.map((limit) => [limit, 0])) as Record<
    AdmissionLimit,
    number
  >;
  /** While true no watch is admitted: a drain would end it at once. */
  draining = false;
  readonly #limits: AdmissionLimits;
  readonly #watches: Shares;
  readonly #requests: Shares;
  readonly #forwarded: Shares;
  readonly #addresses: Shares;
  readonly #groups: DistinctShares;
  readonly #tickets = new Map<Exchange, Ticket>();
  readonly #vouched = new LRUCache<string, true>({ max: MAX_VOUCHED });
  /** By token that upstream refused, how often it was asked again. */
  readonly #refusals = new LRUCache<string, FloodMeter>({ max: MAX_REFUSED });

  constructor(limits: Partial<AdmissionLimits> = {}) {
    this.#limits = { ...DEFAULT_ADMISSION_LIMITS, ...limits };
    this.#watches = new Shares(this.#limits.maxWatchesPerIdentity);
    this.#requests = new Shares(this.#limits.maxInFlightPerIdentity);
    this.#forwarded = new Shares(this.#limits.maxForwardedPerIdentity);
    this.#addresses = new Shares(this.#limits.maxStrangersPerAddress);
    this.#groups = new DistinctShares(this.#limits.maxFilterGroupsPerIdentity);
  }

  /** Entries in its tables: never more than what is counted. */
  get holders(): number {
    const tables = [this.#watches, this.#requests, this.#forwarded, this.#addresses, this.#groups];
    return tables.reduce((sum, { holders }) => sum + holders, 0);
  }

  /**
   * Counts a request that is not a watch until it is over. False: it was answered 429 here, and the
   * caller has nothing more to do.
   */
  request(exchange: Exchange): boolean {
    const { connection } = exchange;
    if (connection.inFlight >= this.#limits.maxInFlightPerConnection) {
      return this.#refuse(exchange, 'requests_per_connection');
    }
    if (!this.#admit(exchange, 'request')) return false;
    connection.inFlight++;
    exchange.onClose(() => {
      connection.inFlight--;
    });
    return true;
  }

  /** The same for a watch. */
  watch(exchange: Exchange): boolean {
    if (this.draining) {
      exchange.respondStatus(tooManyRequests(DRAINING));
      return false;
    }
    return this.#admit(exchange, 'watch');
  }

  /** The request is to be passed through. False: it was answered here. */
  forward(exchange: Exchange): boolean {
    if (this.#isRefusedOften(exchange)) return this.#refuse(exchange, 'refused_token');
    const ticket = this.#tickets.get(exchange);
    // Watches have connections of their own, more than strangers may have watches.
    if (ticket === undefined || ticket.kind === 'watch' || isLongRunningTarget(exchange.target)) {
      return true;
    }
    if (ticket.isStranger && this.strangersForwarded >= this.#limits.maxStrangersForwarded) {
      return this.#refuse(exchange, 'unauthenticated_forwarded');
    }
    if (!ticket.isStranger && this.#forwarded.isFull(ticket.holder.key)) {
      return this.#refuse(exchange, 'forwarded_per_identity');
    }
    this.#leave(ticket);
    ticket.forwarded = true;
    this.#enter(ticket);
    return true;
  }

  /** Counts a filter group of this identity until the watch is over; many watches of one group count once. */
  filterGroup(exchange: Exchange, group: string): boolean {
    const { key } = holderOf(exchange);
    if (!this.#groups.take(key, group)) {
      return this.#refuse(exchange, 'filter_groups_per_identity');
    }
    exchange.onClose(() => this.#groups.give(key, group));
    return true;
  }

  /** Upstream answered this request, or a question about it: it has said whether it knows the holder. */
  answered(exchange: Exchange, status: number): void {
    const holder = holderOf(exchange);
    if (holder.standing !== 'claimed') return;
    if (status === 401) this.#unvouch(holder.key);
    else if (isVouching(status) || (status === 403 && !holder.impersonates)) this.vouch(exchange);
  }

  /** Upstream accepted the token of this request. */
  vouch(exchange: Exchange): void {
    const ticket = this.#tickets.get(exchange);
    if (ticket !== undefined && !ticket.isStranger) return;
    const { key } = holderOf(exchange);
    this.#vouched.set(key, true);
    this.#refusals.delete(key);
    vouchFor(exchange.connection);
    if (ticket === undefined) return;
    this.#leave(ticket);
    ticket.isStranger = false;
    this.#enter(ticket);
  }

  #unvouch(key: string): void {
    this.#vouched.delete(key);
    if (this.#refusals.get(key) === undefined) {
      this.#refusals.set(key, new FloodMeter(REFUSALS_WINDOW_MS, Date.now()));
    }
  }

  #isRefusedOften(exchange: Exchange): boolean {
    const asked = this.#refusals.get(holderOf(exchange).key);
    return asked !== undefined && asked.add(Date.now()) > this.#limits.maxRefusalsPerToken;
  }

  #admit(exchange: Exchange, kind: Kind): boolean {
    const holder = holderOf(exchange);
    const isStranger =
      holder.standing === 'stranger' ||
      (holder.standing === 'claimed' && this.#vouched.get(holder.key) === undefined);
    const limit = isStranger ? this.#strangersFull(holder) : this.#identityFull(holder, kind);
    if (limit !== undefined) return this.#refuse(exchange, limit);
    if (!isStranger) vouchFor(exchange.connection);
    const ticket: Ticket = { kind, holder, isStranger, forwarded: false };
    this.#tickets.set(exchange, ticket);
    this.#enter(ticket);
    exchange.onClose(() => {
      this.#tickets.delete(exchange);
      this.#leave(ticket);
    });
    return true;
  }

  #strangersFull({ address }: Holder): AdmissionLimit | undefined {
    if (this.strangers >= this.#limits.maxStrangers) return 'unauthenticated';
    return this.#addresses.isFull(address) ? 'unauthenticated_per_address' : undefined;
  }

  #identityFull({ key }: Holder, kind: Kind): AdmissionLimit | undefined {
    if (kind === 'watch') {
      if (this.openWatches >= this.#limits.maxWatches) return 'watches';
      return this.#watches.isFull(key) ? 'watches_per_identity' : undefined;
    }
    if (this.inFlight >= this.#limits.maxInFlight) return 'requests';
    return this.#requests.isFull(key) ? 'requests_per_identity' : undefined;
  }

  #enter({ kind, holder, isStranger, forwarded }: Ticket): void {
    if (isStranger) {
      this.strangers++;
      this.#addresses.add(holder.address);
      if (forwarded) this.strangersForwarded++;
    } else if (kind === 'watch') {
      this.openWatches++;
      this.#watches.add(holder.key);
    } else {
      this.inFlight++;
      this.#requests.add(holder.key);
      if (forwarded) this.#forwarded.add(holder.key);
    }
  }

  #leave({ kind, holder, isStranger, forwarded }: Ticket): void {
    if (isStranger) {
      this.strangers--;
      this.#addresses.give(holder.address);
      if (forwarded) this.strangersForwarded--;
    } else if (kind === 'watch') {
      this.openWatches--;
      this.#watches.give(holder.key);
    } else {
      this.inFlight--;
      this.#requests.give(holder.key);
      if (forwarded) this.#forwarded.give(holder.key);
    }
  }

  #refuse(exchange: Exchange, limit: AdmissionLimit): false {
    this.refused[limit]++;
    exchange.respondStatus(tooManyRequests(MESSAGES[limit] ?? TOO_MANY_REQUESTS));
    return false;
  }
}

const MESSAGES: Partial<Record<AdmissionLimit, string>> = {
  watches: TOO_MANY_WATCHES,
  watches_per_identity: TOO_MANY_WATCHES,
  filter_groups_per_identity: TOO_MANY_SELECTORS,
  refused_token: REFUSED_TOKEN,
};

/**
 * Answers that kube-apiserver gives behind authentication and impersonation only. Not 429 and 5xx, which whatever stands in
 * front of it says as well, nor 400 and 413.
 */
function isVouching(status: number): boolean {
  return (status >= 200 && status < 300) || VOUCHING.has(status);
}

const VOUCHING: ReadonlySet<number> = new Set([304, 404, 409, 410, 422]);
