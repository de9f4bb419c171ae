// A plain HTTP/1.1 client for tests: sends a path exactly as it is written, hands back status,
// headers and the untouched bytes. It never retries and never follows: what the server said is what
// the test sees.

import { readFileSync } from 'node:fs';
import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import type { KeyPair } from './certificates.ts';

const defaultTimeoutMs = 60_000;

export interface RequestOptions {
  /** A bearer token; null for none (anonymous, or by certificate). Default: the client's own. */
  readonly token?: string | null;
  readonly certificate?: KeyPair;
  /** Bytes and strings are sent as they are; anything else as JSON. */
  readonly body?: unknown;
  readonly headers?: OutgoingHttpHeaders;
  /** How long the connection may be silent. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface Response {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export class ApiClient {
  readonly #origin: string;
  readonly #authority: Buffer;
  readonly #token: string | null;
  #agent: Agent;

  constructor(options: { url: string; caFile: string; token?: string | null }) {
    this.#origin = options.url;
    this.#authority = readFileSync(options.caFile);
    this.#token = options.token ?? null;
    this.#agent = this.#newAgent();
  }

  async request(method: string, path: string, options: RequestOptions = {}): Promise<Response> {
    const message = await this.open(method, path, options);
    const chunks: Buffer[] = [];
    for await (const chunk of message) chunks.push(chunk as Buffer);
    return {
      status: message.statusCode ?? 0,
      headers: message.headers,
      body: Buffer.concat(chunks),
    };
  }

  /** Resolves when the headers are there; the body is for the caller to read, or to destroy. */
  open(method: string, path: string, options: RequestOptions = {}): Promise<IncomingMessage> {
    const body = encodeBody(options.body);
    const token = options.token === undefined ? this.#token : options.token;
    const { hostname, port } = new URL(this.#origin);
    return new Promise((done, fail) => {
      const request = httpsRequest({
        agent: this.#agent,
        hostname,
        port,
        method,
        path,
        ca: this.#authority,
        ...readPair(options.certificate),
        signal: options.signal,
        timeout: options.timeoutMs ?? defaultTimeoutMs,
        headers: {
          ...(token === null ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...options.headers,
        },
      });
      request.once('response', done);
      request.once('error', fail);
      request.once('timeout', () => {
        request.destroy(new Error(`${method} ${path}: nothing received in time`));
      });
      request.end(body);
    });
  }

  /** Forgets the kept connections, as their server has gone. */
  reset(): void {
    this.#agent.destroy();
    this.#agent = this.#newAgent();
  }

  close(): void {
    this.#agent.destroy();
  }

  #newAgent(): Agent {
    return new Agent({ keepAlive: true, maxFreeSockets: 64 });
  }
}

function encodeBody(body: unknown): Buffer | string | undefined {
  if (body === undefined || typeof body === 'string' || Buffer.isBuffer(body)) return body;
  return JSON.stringify(body);
}

function readPair(pair: KeyPair | undefined): { cert: Buffer; key: Buffer } | undefined {
  if (pair === undefined) return undefined;
  return { cert: readFileSync(pair.certFile), key: readFileSync(pair.keyFile) };
}
