// Answers as they come, none of it kept: when the head was there, when bytes came, when it was over. One
// HTTP/2 session is shared by all readers, whoever they are.

import { connect } from 'node:http2';
import type { ClientHttp2Session } from 'node:http2';
import { Agent, request as httpsRequest } from 'node:https';
import type { Protocol } from '../../conformance/support/stack.ts';

export interface Asking {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly protocol: Protocol;
  /** Called once; `local` when no queue of kube-apiserver saw the request. */
  onHead(status: number, local: boolean): void;
  onBytes(count: number): void;
}

export interface Open {
  /** Resolves when nothing more comes, however it ended. */
  readonly over: Promise<void>;
  cancel(): void;
}

/** On answers of kube-apiserver alone. */
export const queueHeader = 'x-kubernetes-pf-flowschema-uid';
const cancelCode = 8;

export class StreamClient {
  readonly #port: number;
  readonly #authority: Buffer;
  readonly #agent: Agent;
  #session: ClientHttp2Session | undefined;

  constructor(port: number, authority: Buffer) {
    this.#port = port;
    this.#authority = authority;
    this.#agent = new Agent({ keepAlive: true, ca: authority, servername: 'localhost' });
  }

  open(asking: Asking): Open {
    return asking.protocol === 'h2' ? this.#openHttp2(asking) : this.#openHttp1(asking);
  }

  close(): void {
    this.#agent.destroy();
    this.#session?.destroy();
  }

  #openHttp1({ path, headers, onHead, onBytes }: Asking): Open {
    const { promise: over, resolve } = Promise.withResolvers<void>();
    const sent = httpsRequest({
      agent: this.#agent,
      host: '127.0.0.1',
      port: this.#port,
      path,
      headers,
    });
    sent.on('response', (response) => {
      onHead(response.statusCode ?? 0, response.headers[queueHeader] === undefined);
      response.on('data', (chunk: Buffer) => onBytes(chunk.length));
      response.on('error', ignore);
    });
    sent.on('error', ignore);
    sent.on('close', resolve);
    sent.end();
    return { over, cancel: () => sent.destroy() };
  }

  #openHttp2({ path, headers, onHead, onBytes }: Asking): Open {
    const { promise: over, resolve } = Promise.withResolvers<void>();
    const stream = this.#http2().request({ ':path': path, ...headers });
    stream.on('response', (head) => {
      onHead(Number(head[':status']), head[queueHeader] === undefined);
    });
    stream.on('data', (chunk: Buffer) => onBytes(chunk.length));
    stream.on('error', ignore);
    stream.on('close', resolve);
    stream.end();
    return { over, cancel: () => stream.close(cancelCode) };
  }

  #http2(): ClientHttp2Session {
    let session = this.#session;
    if (session === undefined || session.destroyed || session.closed) {
      session = connect(`https://localhost:${this.#port}`, { ca: this.#authority });
      session.setMaxListeners(0);
      session.on('error', ignore);
      this.#session = session;
    }
    return session;
  }
}

function ignore(): void {
  // Told by the end.
}
