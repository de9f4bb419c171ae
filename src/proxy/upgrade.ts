/**
 * UpgradeRelay: exec, attach, port-forward and watches over WebSocket, as a splice of two sockets.
 *
 * The request goes upstream on a socket of its own that nothing else will ever use. Only after
 * upstream itself said 101 do the two sockets see each other; any other answer is relayed up to a
 * bound and both are closed (CVE-2018-1002105: a refused upgrade must not leave a tunnel behind).
 * Headers are cleaned like those of any other request; redirects are relayed, never followed.
 */
import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { namedCaller, type Credential } from '../auth/authenticate.ts';
import type { NamedCredential } from '../auth/named.ts';
import { tooManyRequests } from '../k8s/status.ts';
import type { UpgradeRequest } from './front-http1.ts';
import { forwardedHeaders, headerValue, relayedHeaders } from './headers.ts';
import type { CallerSource } from './route.ts';
import { Shares } from './shares.ts';
import { unreachable } from './pass-through.ts';
import { answerStatusAndClose, endAndClose, responseHead } from './raw-answer.ts';

/** An account that carries the requests of callers with certificates, in their name. */
export interface UpgradeImpersonator {
  connectAs(rawHeaders: readonly string[], named: NamedCredential): Promise<UpgradeSocket>;
}

interface UpgradeSocket {
  readonly socket: Duplex;
  readonly headers: readonly string[];
}

/** Where upgrades go: a constant of the configuration, never taken from a request. */
export interface UpgradeUpstream {
  /** host:port for the Host header. */
  readonly authority: string;
  /** Path in front of every request target, '' or `/prefix`. */
  readonly pathPrefix: string;
  /** A fresh connected socket without a client certificate; half-open capable. */
  connectUpstream(): Promise<Duplex>;
  readonly callers: CallerSource;
  readonly impersonator?: UpgradeImpersonator;
}

export interface UpgradeLimits {
  /** Splices at once; more are answered 429 (auth.md 4.5). */
  readonly maxUpgrades: number;
  /** Of them, those of one address that upstream has not agreed to yet: nobody knows who asks. */
  readonly maxAskingPerAddress: number;
  /** From the request to upstream's status line. */
  readonly answerTimeoutMs: number;
  /** Octets of a refusal's body that are relayed. */
  readonly maxRefusalBytes: number;
  readonly lingerMs: number;
}

export const DEFAULT_UPGRADE_LIMITS: UpgradeLimits = Object.freeze({
  maxUpgrades: 500,
  // Upstream agrees within milliseconds: a balancer with hundreds of callers behind it stays below.
  maxAskingPerAddress: 100,
  answerTimeoutMs: 30_000,
  maxRefusalBytes: 64 * 1024,
  lingerMs: 2_000,
});

/** What one upgrade holds of the bounds. */
interface Place {
  /** Upstream agreed. */
  readonly agreed: () => void;
  readonly leave: () => void;
}

interface Placed extends UpgradeRequest {
  readonly place: Place;
}

interface Asking extends Placed {
  /** It travels with the credential of an account of ours. */
  readonly isVouchedFor: boolean;
}

export class UpgradeRelay {
  /** Waiting for upstream's status, or spliced. */
  open = 0;
  total = 0;
  /** Answered 429. */
  overLimit = 0;
  /** Upstream answered something else than 101. */
  refused = 0;
  /** Upstream did not answer. */
  unanswered = 0;
  readonly #upstream: UpgradeUpstream;
  readonly #limits: UpgradeLimits;
  readonly #asking: Shares;

  constructor(upstream: UpgradeUpstream, limits: UpgradeLimits = DEFAULT_UPGRADE_LIMITS) {
    this.#upstream = upstream;
    this.#limits = limits;
    this.#asking = new Shares(limits.maxAskingPerAddress);
  }

  /** Takes `client` over for good; never throws. */
  serve(request: UpgradeRequest, client: Duplex, head: Buffer): void {
    client.on('error', ignore);
    const { remoteAddress } = request.connection;
    if (this.open >= this.#limits.maxUpgrades || this.#asking.isFull(remoteAddress)) {
      this.overLimit++;
      const status = tooManyRequests('Too many upgraded connections');
      answerStatusAndClose(client, status, this.#limits.lingerMs);
      return;
    }
    this.total++;
    const place = this.#take(remoteAddress);
    client.once('close', place.leave);
    void this.#serve({ ...request, place }, client, head);
  }

  /** A place is left once, when the splice is over or upstream refused it: who lingers holds none. */
  #take(remoteAddress: string): Place {
    this.open++;
    this.#asking.add(remoteAddress);
    let state: 'asking' | 'agreed' | 'left' = 'asking';
    const agreed = (): void => {
      if (state !== 'asking') return;
      state = 'agreed';
      this.#asking.give(remoteAddress);
    };
    const leave = (): void => {
      if (state === 'left') return;
      agreed();
      state = 'left';
      this.open--;
    };
    return { agreed, leave };
  }

  async #serve(request: Placed, client: Duplex, head: Buffer): Promise<void> {
    const caller = await this.#upstream.callers.of(request.rawHeaders, request.connection.peer);
    if (caller.kind === 'refused') {
      request.place.leave();
      answerStatusAndClose(client, caller.status, this.#limits.lingerMs);
      return;
    }
    if (caller.kind === 'undecided') {
      this.#unreachable(request, client);
      return;
    }
    let upstream: UpgradeSocket;
    try {
      upstream = await this.#connect(request, caller);
    } catch {
      this.#unreachable(request, client);
      return;
    }
    const { socket, headers } = upstream;
    socket.on('error', ignore);
    if (client.destroyed) {
      socket.destroy();
      return;
    }
    client.once('close', () => {
      if (!socket.writableEnded) socket.destroy();
    });
    const isVouchedFor = namedCaller(caller) !== undefined;
    this.#ask({ ...request, rawHeaders: headers, isVouchedFor }, client, socket, head);
  }

  async #connect({ rawHeaders }: UpgradeRequest, caller: Credential): Promise<UpgradeSocket> {
    const named = namedCaller(caller);
    if (named === undefined) {
      return { socket: await this.#upstream.connectUpstream(), headers: rawHeaders };
    }
    const { impersonator } = this.#upstream;
    if (impersonator === undefined) throw new Error('nobody may speak for a certificate');
    return impersonator.connectAs(rawHeaders, named);
  }

  /** node:http writes the request and parses the answer on our own socket. */
  #ask(request: Asking, client: Duplex, socket: Duplex, head: Buffer): void {
    const asking = this.#send(request, socket);
    const timer = setTimeout(() => socket.destroy(), this.#limits.answerTimeoutMs);
    timer.unref();
    let answered = false;
    asking.once('upgrade', (response, _socket, upstreamHead) => {
      answered = true;
      request.place.agreed();
      clearTimeout(timer);
      splice({ client, socket, response, head, upstreamHead });
    });
    asking.once('response', (response) => {
      answered = true;
      clearTimeout(timer);
      if (request.isVouchedFor && response.statusCode === 401) {
        // It is our account that upstream does not know; the caller would throw its certificate away.
        socket.destroy();
        this.#unreachable(request, client);
        return;
      }
      this.refused++;
      request.place.leave();
      this.#relayRefusal(response, client, socket);
    });
    // A later error is of the refusal's body, which ends by 'close'.
    asking.on('error', () => {
      clearTimeout(timer);
      socket.destroy();
      if (!answered) this.#unreachable(request, client);
    });
  }

  #send(request: UpgradeRequest, socket: Duplex): ClientRequest {
    const headers = forwardedHeaders(request.rawHeaders, {
      remoteAddress: request.connection.remoteAddress,
      upgrade: request.protocol,
    });
    // Without a length node:http would announce chunks for a POST.
    if (headerValue(headers, 'content-length') === undefined && request.method !== 'GET') {
      headers.push('Content-Length', '0');
    }
    const asking = httpRequest({
      method: request.method,
      path: this.#upstream.pathPrefix + request.target,
      headers: ['Host', this.#upstream.authority, ...headers] as unknown as string[],
      setHost: false,
      createConnection: () => socket,
    });
    asking.end();
    return asking;
  }

  /** A refusal in plain HTTP: status, headers, a bounded body, then both sockets close. */
  #relayRefusal(response: IncomingMessage, client: Duplex, socket: Duplex): void {
    const headers = relayedHeaders(response.rawHeaders);
    const status = response.statusCode ?? 502;
    let left = this.#limits.maxRefusalBytes;
    // The end of the connection delimits the body, so that a cut one needs no true length.
    const kept: string[] = [];
    for (let i = 0; i < headers.length; i += 2) {
      if (headers[i].toLowerCase() !== 'content-length') kept.push(headers[i], headers[i + 1]);
    }
    kept.push('Connection', 'close');
    client.write(responseHead(status, response.statusMessage ?? '', kept));
    response.on('error', ignore);
    response.on('data', (chunk: Buffer) => {
      const part = chunk.subarray(0, left);
      left -= part.length;
      if (part.length > 0) client.write(part);
      if (left === 0) response.destroy();
    });
    response.once('close', () => {
      socket.destroy();
      endAndClose(client, null, this.#limits.lingerMs);
    });
  }

  #unreachable(request: Placed, client: Duplex): void {
    this.unanswered++;
    request.place.leave();
    answerStatusAndClose(client, unreachable(request.target), this.#limits.lingerMs);
  }
}

interface Splice {
  readonly client: Duplex;
  readonly socket: Duplex;
  readonly response: IncomingMessage;
  /** Bytes each side sent right behind its head. */
  readonly head: Buffer;
  readonly upstreamHead: Buffer;
}

/** Upstream agreed: its head goes out as it came, then bytes flow both ways until both ends are done. */
function splice(parts: Splice): void {
  const { client, socket, response, head, upstreamHead } = parts;
  if (client.destroyed) {
    socket.destroy();
    return;
  }
  client.write(responseHead(101, response.statusMessage ?? '', response.rawHeaders));
  if (upstreamHead.length > 0) client.write(upstreamHead);
  if (head.length > 0) socket.write(head);
  link(client, socket);
  link(socket, client);
}

/** One direction: bytes with back-pressure, an end as a half-close, a break as a break. */
function link(from: Duplex, to: Duplex): void {
  from.pipe(to);
  from.once('error', () => to.destroy());
  from.once('close', () => {
    // Done in both directions: what is still buffered for the other side may go out first.
    if (from.readableEnded && from.writableFinished && to.writableEnded) return;
    to.destroy();
  });
}

function ignore(): void {
  // Every break ends in 'close', which is what is acted upon.
}
