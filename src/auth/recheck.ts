/**
 * WatchRechecks: permission behind open watches, asked again while they run.
 *
 * kube-apiserver authorizes a watch once, at its start; here each distinct question behind the open
 * watches is asked again about every minute (auth.md 2.6), oldest first, within a budget per second.
 * Two denials at least five seconds apart end a watch, because each apiserver learns of changes at its
 * own pace; no answer for two minutes ends it too (at once for secrets), and so does the end of
 * the caller's token or certificate. This is the only place that keeps a caller's token, for as long as its watch is
 * open. Memory is bounded by the open watches, which admission bounds.
 *
 *   due wheel (one slot per tick) -> queue (oldest first) -> review -> due wheel
 */

import type { Attributes } from './attributes.ts';
import type { Credential, JudgeableCredential } from './authenticate.ts';
import { isJudgeable, keyOf } from './authorize.ts';
import type { Authorized, Authorizer } from './authorize.ts';

export interface RecheckOptions {
  readonly recheckIntervalMs: number;
  readonly recheckPerSecond: number;
  /** Least time between the first denial and the one that ends a watch. */
  readonly confirmDenialMs: number;
  /** A watch may go on this long without an answer; secrets: not at all. */
  readonly graceMs: number;
  readonly tickMs: number;
  /** Wall clock in milliseconds; tests set it and call tick() themselves. */
  readonly now: () => number;
}

export const DEFAULT_RECHECK_OPTIONS: RecheckOptions = Object.freeze({
  recheckIntervalMs: 60_000,
  recheckPerSecond: 50,
  confirmDenialMs: 5_000,
  graceMs: 120_000,
  tickMs: 1_000,
  now: Date.now,
});

/** Spread of the interval, so that watches opened together are not asked about together. */
export const JITTER = 0.2;

interface Member {
  readonly authorized: Authorized;
  readonly revoked: () => void;
  group: Group;
}

/** All open watches that stand or fall with one question by one caller. */
interface Group {
  readonly key: string;
  readonly credential: JudgeableCredential;
  readonly question: Attributes;
  readonly expiresAtMs: number;
  readonly members: Set<Member>;
  dueMs: number;
  deniedSinceMs: number;
  unknownSinceMs: number;
}

const NEVER = -1;

export class WatchRechecks {
  readonly #authorizer: Pick<Authorizer, 'askAgain'>;
  readonly #options: RecheckOptions;
  readonly #groups = new Map<string, Group>();
  readonly #wheel: Group[][];
  #queue: Group[] = [];
  #nextSlot = 0;
  #timer: NodeJS.Timeout | undefined;

  /** Plain counters, read at scrape time. */
  readonly #counters = { rechecks: 0, revoked: 0, recheckLagMs: 0 };

  constructor(authorizer: Pick<Authorizer, 'askAgain'>, options: Partial<RecheckOptions> = {}) {
    this.#authorizer = authorizer;
    this.#options = { ...DEFAULT_RECHECK_OPTIONS, ...options };
    const { recheckIntervalMs, confirmDenialMs, tickMs } = this.#options;
    const longestMs = Math.max(recheckIntervalMs * (1 + JITTER), confirmDenialMs * 2);
    this.#wheel = Array.from({ length: Math.ceil(longestMs / tickMs) + 2 }, () => []);
  }

  /** Rechecks sent, watches ended, and how late the last recheck was. */
  get status() {
    return { ...this.#counters };
  }

  /** Open watches under watch, as distinct questions. */
  get questions(): number {
    return this.#groups.size;
  }

  /**
   * Keeps asking about an open watch until the returned function is called. `revoked` is called at
   * most once, never from inside this call.
   */
  track(authorized: Authorized, credential: Credential, revoked: () => void): () => void {
    if (!isJudgeable(credential) || !authorized.belongsTo(credential)) {
      throw new Error('a watch is tracked with the credential it was authorized with');
    }
    const nowMs = this.#options.now();
    if (this.#timer === undefined) {
      this.#nextSlot = Math.floor(nowMs / this.#options.tickMs);
      this.#timer = setInterval(() => this.tick(), this.#options.tickMs).unref();
    }
    const dueMs = nowMs + this.#jitteredMs();
    const group = this.#groupOf(credential, authorized.question, dueMs);
    const member: Member = { authorized, revoked, group };
    group.members.add(member);
    return () => this.#forget(member);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#groups.clear();
    this.#queue = [];
    for (const slot of this.#wheel) {
      slot.length = 0;
    }
  }

  /** Sends what is due, within the budget. Called by the timer. */
  tick(): void {
    const nowMs = this.#options.now();
    this.#collectDue(nowMs);
    const { recheckPerSecond, tickMs } = this.#options;
    const budget = Math.max(1, Math.floor((recheckPerSecond * tickMs) / 1000));
    let taken = 0;
    let at = 0;
    for (; at < this.#queue.length && taken < budget; at += 1) {
      const group = this.#queue[at];
      if (this.#groups.get(group.key) !== group) {
        continue;
      }
      this.#counters.recheckLagMs = nowMs - group.dueMs;
      if (nowMs >= group.expiresAtMs) {
        this.#revoke(group);
        continue;
      }
      taken += 1;
      void this.#recheck(group);
    }
    this.#queue.splice(0, at);
    if (this.#queue.length > 0) this.#endExpired(nowMs);
  }

  /** Who waits for the budget must not outlive its credential: no question is needed for that. */
  #endExpired(nowMs: number): void {
    this.#queue = this.#queue.filter((group) => {
      if (this.#groups.get(group.key) !== group) return false;
      if (nowMs < group.expiresAtMs) return true;
      this.#revoke(group);
      return false;
    });
  }

  #collectDue(nowMs: number): void {
    const until = Math.floor(nowMs / this.#options.tickMs);
    // After a long stall (or a clock jump) one turn of the wheel sees everything.
    const first = Math.max(this.#nextSlot, until - this.#wheel.length + 1);
    for (let slot = first; slot <= until; slot += 1) {
      const due = this.#wheel[slot % this.#wheel.length];
      this.#queue.push(...due.splice(0));
    }
    this.#nextSlot = until + 1;
  }

  async #recheck(group: Group): Promise<void> {
    this.#counters.rechecks += 1;
    const answer = await this.#authorizer.askAgain(group.credential, group.question);
    if (this.#groups.get(group.key) !== group) {
      return;
    }
    const nowMs = this.#options.now();
    if (answer.kind === 'allow') {
      group.deniedSinceMs = NEVER;
      group.unknownSinceMs = NEVER;
      this.#schedule(group, nowMs + this.#jitteredMs());
    } else if (answer.kind === 'deny' && answer.reason !== 'busy') {
      this.#onDenied(group, nowMs);
    } else {
      this.#onUnknown(group, nowMs);
    }
  }

  #onDenied(group: Group, nowMs: number): void {
    const { confirmDenialMs } = this.#options;
    group.unknownSinceMs = NEVER;
    this.#narrow(group, nowMs);
    if (group.members.size === 0) {
      this.#groups.delete(group.key);
    } else if (group.deniedSinceMs === NEVER) {
      group.deniedSinceMs = nowMs;
      this.#schedule(group, nowMs + confirmDenialMs);
    } else if (nowMs - group.deniedSinceMs >= confirmDenialMs) {
      this.#revoke(group);
    } else {
      this.#schedule(group, group.deniedSinceMs + confirmDenialMs);
    }
  }

  /** Watches that a wider question covered may stand on their own: they get their exact one. */
  #narrow(group: Group, nowMs: number): void {
    for (const member of group.members) {
      const { attributes } = member.authorized;
      const exact = this.#groupOf(group.credential, attributes, nowMs);
      if (exact !== group) {
        group.members.delete(member);
        exact.members.add(member);
        member.group = exact;
      }
    }
  }

  #onUnknown(group: Group, nowMs: number): void {
    const { graceMs, confirmDenialMs } = this.#options;
    const isSecret = group.question.group === '' && group.question.resource === 'secrets';
    if (group.unknownSinceMs === NEVER) {
      group.unknownSinceMs = nowMs;
    }
    if (isSecret || nowMs - group.unknownSinceMs >= graceMs) {
      this.#revoke(group);
    } else {
      this.#schedule(group, nowMs + confirmDenialMs);
    }
  }

  #revoke(group: Group): void {
    this.#groups.delete(group.key);
    for (const { revoked } of group.members) {
      this.#counters.revoked += 1;
      revoked();
    }
    group.members.clear();
  }

  #forget(member: Member): void {
    const { group } = member;
    group.members.delete(member);
    if (group.members.size === 0 && this.#groups.get(group.key) === group) {
      this.#groups.delete(group.key);
    }
  }

  #groupOf(credential: JudgeableCredential, question: Attributes, dueMs: number): Group {
    const key = keyOf(credential, question);
    let group = this.#groups.get(key);
    if (group === undefined) {
      const { expiresAtMs } = credential;
      group = {
        key,
        credential,
        question,
        expiresAtMs,
        members: new Set(),
        dueMs,
        deniedSinceMs: NEVER,
        unknownSinceMs: NEVER,
      };
      this.#groups.set(key, group);
      this.#schedule(group, dueMs);
    }
    return group;
  }

  #schedule(group: Group, dueMs: number): void {
    group.dueMs = Math.min(dueMs, group.expiresAtMs);
    const slot = Math.max(Math.ceil(group.dueMs / this.#options.tickMs), this.#nextSlot);
    this.#wheel[slot % this.#wheel.length].push(group);
  }

  #jitteredMs(): number {
    return this.#options.recheckIntervalMs * (1 - JITTER + 2 * JITTER * Math.random());
  }
}
