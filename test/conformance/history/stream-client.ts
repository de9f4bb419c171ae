// A client that gives bytes on as they come, over HTTP/1.1 or HTTP/2, and tells how an answer ended. It
// keeps nothing, connects again when its connection is gone, and can be made to stop reading. As client-go
// does, it asks a silent HTTP/2 connection whether it is still there, and takes it for gone when not.

import { connect as connectHttp2 } from 'node:http2';
import type { ClientHttp2Session } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import type { IncomingMessage } from 'node:http';
import type { Protocol } from '../support/stack.ts';
import type { End } from './records.ts';

export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly retryAfter: string;
  /** Resolves at the end of the body. */
  readonly ended: Promise<End>;
  /** Nothing is read before. */
  start(onData: (chunk: Buffer) => void): void;
  pause(): void;
  resume(): void;
  cancel(): void;
}

export interface StreamClientOptions {
  readonly port: number;
  readonly ca: Buffer;
  readonly protocol: Protocol;
  readonly headers: Readonly<Record<string, string>>;
}

/** client-go: 30 s of silence, then 15 s for the answer (apimachinery util/net/http.go). */
const pingEveryMs = 15_000;

export class StreamClient {
  readonly #options: StreamClientOptions;
  #session: ClientHttp2Session | undefined;

  constructor(options: StreamClientOptions) {
    this.#options = options;
  }

  /** Resolves with the head of the answer, rejects when there is none. */
  open(path: string, headers: Readonly<Record<string, string>>): Promise<Answer> {
    const all = { ...this.#options.headers, ...headers };
    return this.#options.protocol === 'h2'
      ? this.#openHttp2(path, all)
      : this.#openHttp1(path, all);
  }

  close(): void {
    this.#session?.destroy();
  }

  #connected(): ClientHttp2Session {
    const { port, ca } = this.#options;
    const session = this.#session;
    if (session !== undefined && !session.closed && !session.destroyed) return session;
    const fresh = connectHttp2(`https://127.0.0.1:${port}`, { ca });
    fresh.on('error', () => fresh.destroy());
    fresh.on('goaway', () => fresh.close());
    // Every open stream listens for the end.
    fresh.setMaxListeners(0);
    askForLife(fresh);
    this.#session = fresh;
    return fresh;
  }

  #openHttp2(path: string, headers: Readonly<Record<string, string>>): Promise<Answer> {
    const session = this.#connected();
    return new Promise((resolve, reject) => {
      const stream = session.request({ ...headers, ':path': path });
      let cancelled = false;
      stream.on('error', () => reject(new Error('the stream failed')));
      const ended = new Promise<End>((done) => {
        stream.on('close', () => {
          reject(new Error('the stream ended before its head'));
          // The session learns of a lost socket only behind its streams.
          setImmediate(() => {
            if (cancelled) done('cancelled');
            else if (session.destroyed) done('cut');
            else done(stream.rstCode === 0 ? 'clean' : 'reset');
          });
        });
        // Now and then a stream is not told that its session has ended.
        session.once('close', () => setImmediate(() => done(cancelled ? 'cancelled' : 'cut')));
      });
      stream.on('response', (head) => {
        resolve({
          status: Number(head[':status']),
          contentType: String(head['content-type'] ?? ''),
          retryAfter: String(head['retry-after'] ?? ''),
          ended,
          start: (onData) => stream.on('data', onData),
          pause: () => stream.pause(),
          resume: () => stream.resume(),
          cancel: () => {
            cancelled = true;
            stream.close(8);
          },
        });
      });
    });
  }

  #openHttp1(path: string, headers: Readonly<Record<string, string>>): Promise<Answer> {
    const { port, ca } = this.#options;
    return new Promise((resolve, reject) => {
      const request = httpsRequest({ host: '127.0.0.1', port, ca, path, headers, agent: false });
      request.on('error', reject);
      request.on('response', (message) => resolve(answerHttp1(message)));
      request.end();
    });
  }
}

/** Ends a session that has not answered one ping when the next is due. */
function askForLife(session: ClientHttp2Session): void {
  let unanswered = false;
  const timer = setInterval(() => {
    if (unanswered) session.destroy();
    if (session.destroyed) return;
    unanswered = true;
    session.ping((error) => {
      unanswered = error !== null;
    });
  }, pingEveryMs);
  timer.unref();
  session.once('close', () => clearInterval(timer));
}

function answerHttp1(message: IncomingMessage): Answer {
  let cancelled = false;
  const ended = new Promise<End>((done) => {
    message.on('error', () => {});
    message.on('close', () => {
      if (cancelled) done('cancelled');
      else done(message.complete ? 'clean' : 'cut');
    });
  });
  return {
    status: message.statusCode ?? 0,
    contentType: message.headers['content-type'] ?? '',
    retryAfter: message.headers['retry-after'] ?? '',
    ended,
    start: (onData) => message.on('data', onData),
    pause: () => message.pause(),
    resume: () => message.resume(),
    cancel: () => {
      cancelled = true;
      message.destroy();
    },
  };
}
