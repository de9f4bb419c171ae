// A client that reads over connections it keeps, HTTP/1.1 or HTTP/2, and says how long an answer
// took to its last byte. Lean, because the long form sends tens of thousands of requests.

import { connect, constants } from 'node:http2';
import type { ClientHttp2Session } from 'node:http2';
import { Agent, request as httpsRequest } from 'node:https';
import type { Readable } from 'node:stream';
import type { Protocol } from '../support/stack.ts';

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
  readonly tookMs: number;
}

export interface ReadClientOptions {
  /** `https://127.0.0.1:6443` */
  readonly url: string;
  readonly authority: Buffer;
  readonly token: string;
  readonly protocol: Protocol;
}

export class ReadClient {
  readonly #options: ReadClientOptions;
  readonly #agent: Agent;
  #session: ClientHttp2Session | undefined;

  constructor(options: ReadClientOptions) {
    this.#options = options;
    this.#agent = new Agent({ keepAlive: true, ca: options.authority });
  }

  /** The whole answer; a watch is read until `enough` says so, and given up then. */
  async read(path: string, accept: string, enough?: Enough): Promise<Answer> {
    const { url, token, protocol } = this.#options;
    const headers = { accept, authorization: `Bearer ${token}` };
    const beganMs = performance.now();
    const { status, body } =
      protocol === 'h2'
        ? await this.#overHttp2({ ...headers, ':path': path }, enough)
        : await this.#overHttp1(url + path, headers, enough);
    return { status, body, tookMs: performance.now() - beganMs };
  }

  close(): void {
    this.#agent.destroy();
    this.#session?.destroy();
  }

  #overHttp1(
    url: string,
    headers: Readonly<Record<string, string>>,
    enough: Enough,
  ): Promise<Omit<Answer, 'tookMs'>> {
    return new Promise((done, fail) => {
      const request = httpsRequest(url, { agent: this.#agent, headers }, (response) => {
        const finish = (body: Buffer): void => done({ status: response.statusCode ?? 0, body });
        collect(response, enough, { finish, fail, giveUp: () => request.destroy() });
      });
      request.on('error', fail);
      request.end();
    });
  }

  #overHttp2(
    headers: Readonly<Record<string, string>>,
    enough: Enough,
  ): Promise<Omit<Answer, 'tookMs'>> {
    return new Promise((done, fail) => {
      const stream = this.#connected().request(headers);
      stream.once('error', fail);
      // Data is kept until the head was told: both may come in one piece, and the data first.
      stream.once('response', (head) => {
        const finish = (body: Buffer): void => done({ status: Number(head[':status']), body });
        const giveUp = (): void => stream.close(constants.NGHTTP2_CANCEL);
        collect(stream, enough, { finish, fail, giveUp });
      });
    });
  }

  #connected(): ClientHttp2Session {
    if (this.#session === undefined || this.#session.closed || this.#session.destroyed) {
      const { url, authority } = this.#options;
      const settings = { initialWindowSize: 4 * 1024 ** 2 };
      const session = connect(url, { ca: authority, settings });
      session.once('connect', () => session.setLocalWindowSize(16 * 1024 ** 2));
      // Told to the request that was on its way.
      session.on('error', () => {});
      this.#session = session;
    }
    return this.#session;
  }
}

type Enough = ((bytes: Buffer) => boolean) | undefined;

interface Outcome {
  readonly finish: (body: Buffer) => void;
  readonly fail: (error: Error) => void;
  readonly giveUp: () => void;
}

/** Settles once: at the end, as soon as there is enough, or when the body breaks off. */
function collect(body: Readable, enough: Enough, { finish, fail, giveUp }: Outcome): void {
  const chunks: Buffer[] = [];
  body.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    if (enough?.(Buffer.concat(chunks)) !== true) return;
    finish(Buffer.concat(chunks));
    giveUp();
  });
  body.on('end', () => finish(Buffer.concat(chunks)));
  body.on('error', fail);
  body.on('close', () => fail(new Error('the body broke off')));
}
