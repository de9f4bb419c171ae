// Sends one request to kube-apiserver and to the proxy at the same time and waits until both have said
// everything. Connections are shared by many requests and replaced now and then: a client keeps what
// it received.

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RecordedResponse } from '../../support/recorded-response.ts';
import type { RecordingClient } from '../../support/recording-client.ts';
import { authorization } from '../support/stack.ts';
import type { Protocol, Request, Stack } from '../support/stack.ts';
import type { LoggedRequest } from '../support/watershed.ts';

export interface Answers {
  readonly direct: RecordedResponse;
  readonly proxied: RecordedResponse;
  /** What the proxy's log says about it. */
  readonly logged: LoggedRequest;
}

const usesPerConnection = 40;
const pollMs = 20;
/** An answer that says nothing for so long and does not end is a watch without an end. */
const silentMs = 6_000;
/** How long a used connection rests before it is closed: Node fails hard when a frame is still on its way then. */
const restMs = 1_000;
/** Longer than any answer here takes, on any machine. */
const patienceMs = 60_000;

type Target = 'direct' | 'proxied';

interface Lease {
  readonly client: Promise<RecordingClient>;
  uses: number;
  open: number;
}

export class BothServers {
  readonly #stack: Stack;
  readonly #leases = new Map<string, Lease>();
  readonly #closing = new Set<Promise<void>>();

  constructor(stack: Stack) {
    this.#stack = stack;
  }

  async ask(request: Request): Promise<Answers> {
    const auditId = randomUUID();
    const headers = { ...authorization(request), ...request.headers };
    const protocol = request.protocol ?? 'http/1.1';
    // After a refused credential kube-apiserver ends an HTTP/2 connection, and all that is on it.
    const shared = request.user !== null && request.token === undefined;
    const direct = this.#lease('direct', protocol, shared);
    const proxied = this.#lease('proxied', protocol, shared);
    try {
      const answers = await this.#answers(
        (await direct.client).open({ ...request, headers }),
        (await proxied.client).open({ ...request, headers: { ...headers, 'audit-id': auditId } }),
      );
      return { ...answers, logged: await this.#stack.watershed.logged(auditId) };
    } finally {
      this.#giveBack(direct);
      this.#giveBack(proxied);
    }
  }

  async close(): Promise<void> {
    for (const lease of this.#leases.values()) this.#retire(lease);
    await Promise.all(this.#closing);
  }

  async #answers(
    direct: RecordedResponse,
    proxied: RecordedResponse,
  ): Promise<Pick<Answers, 'direct' | 'proxied'>> {
    const pair = [direct, proxied];
    const beganMs = performance.now();
    let bytes = -1;
    let quietSinceMs = beganMs;
    while (pair.some(({ end }) => end.kind === 'open')) {
      await Promise.race([direct.untilEnd().then(() => proxied.untilEnd()), sleep(pollMs)]);
      const nowMs = performance.now();
      const received = direct.bytes + proxied.bytes;
      if (received !== bytes) quietSinceMs = nowMs;
      bytes = received;
      const started = pair.every(({ status }) => status !== 0);
      const bothOpen = pair.every(({ end }) => end.kind === 'open');
      const over = started && bothOpen && nowMs - quietSinceMs > silentMs;
      if (over || nowMs - beganMs > patienceMs) break;
    }
    // What is still open is given up without leaving a trace in the record of its end.
    const ends = pair.map(({ end }) => end);
    for (const [at, response] of pair.entries()) {
      if (ends[at].kind !== 'open') continue;
      response.abort();
      await response.untilEnd();
      response.end = ends[at];
    }
    return { direct, proxied };
  }

  #lease(target: Target, protocol: Protocol, shared: boolean): Lease {
    if (!shared) {
      return { client: this.#stack.connect(target, protocol), uses: usesPerConnection, open: 1 };
    }
    const key = `${target} ${protocol}`;
    let lease = this.#leases.get(key);
    if (lease === undefined || lease.uses >= usesPerConnection) {
      lease = { client: this.#stack.connect(target, protocol), uses: 0, open: 0 };
      this.#leases.set(key, lease);
    }
    lease.uses++;
    lease.open++;
    return lease;
  }

  #giveBack(lease: Lease): void {
    lease.open--;
    if (lease.open === 0 && lease.uses >= usesPerConnection) this.#retire(lease);
  }

  #retire({ client }: Lease): void {
    const closing = sleep(restMs)
      .then(() => client)
      .then((idle) => idle.close())
      .finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}
