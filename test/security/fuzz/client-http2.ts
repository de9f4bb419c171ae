// HTTP/2 over few sessions that requests of all identities share, interleaved. A session that was told
// to go away gets no more requests and is let go behind its last answer. kube-apiserver says so with every
// answer to somebody it does not know, so towards it those have sessions of their own.

import { connect } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream, SecureClientSessionOptions } from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterHeadMs, maxBodyBytes, NO_ANSWER, patienceMs } from './answer.ts';
import type { Answer, Client, Sent, Server } from './answer.ts';
import { pairOf } from './client-http1.ts';

/** Requests on one session, after which a new one is opened. */
const usesPerSession = 2_000;
const atOncePerSession = 80;
/** How long a session rests before it is closed: Node fails hard when a frame is still on its way then. */
const restMs = 1_000;
/** How often a request is sent whose session was told to go away before it was answered. */
const sends = 4;
const cancel = 8;

interface Session {
  readonly http2: ClientHttp2Session;
  readonly key: string;
  uses: number;
  open: number;
  retired: boolean;
}

/** The types do not know these options: two Authorization headers are two, and spaces are sent. */
const asGiven = {
  strictSingleValueFields: false,
  strictFieldWhitespaceValidation: false,
} as SecureClientSessionOptions;

export class ClientHttp2 implements Client {
  readonly #server: Server;
  readonly #partsStrangers: boolean;
  readonly #sessions = new Set<Session>();

  constructor(server: Server, partsStrangers: boolean) {
    this.#server = server;
    this.#partsStrangers = partsStrangers;
  }

  /** Nothing that is sent changes anything, so what was cut before its answer is sent again. */
  async send(sent: Sent): Promise<Answer> {
    for (let times = 1; ; times += 1) {
      const session = this.#session(sent);
      const answer = await this.#sendOn(session, sent);
      const wasCut = answer.status === 0 && answer.end === 'cut' && session.retired;
      if (!wasCut || times === sends) return answer;
    }
  }

  async #sendOn(session: Session, sent: Sent): Promise<Answer> {
    session.uses += 1;
    session.open += 1;
    if (session.uses >= usesPerSession) session.retired = true;
    try {
      return await answerOf(session.http2, sent);
    } catch {
      // The session ended before the request was on it.
      session.retired = true;
      return NO_ANSWER;
    } finally {
      session.open -= 1;
      if (session.retired && session.open === 0) void this.#letGo(session);
    }
  }

  close(): void {
    for (const { http2 } of this.#sessions) http2.destroy();
  }

  #session({ certificate, byStranger }: Sent): Session {
    const apart = this.#partsStrangers && byStranger;
    const key = `${certificate?.certFile ?? ''}${apart ? ' stranger' : ''}`;
    for (const session of this.#sessions) {
      const { retired, open, http2 } = session;
      const usable = !retired && !http2.destroyed && !http2.closed && open < atOncePerSession;
      if (usable && session.key === key) return session;
    }
    const { port, authority: ca } = this.#server;
    const http2 = connect(`https://localhost:${port}`, {
      ca,
      ...asGiven,
      ...pairOf(certificate),
    });
    const session: Session = { http2, key, uses: 0, open: 0, retired: false };
    http2.setMaxListeners(0);
    http2.on('error', () => (session.retired = true));
    http2.on('goaway', () => (session.retired = true));
    http2.once('close', () => {
      session.retired = true;
      this.#sessions.delete(session);
    });
    this.#sessions.add(session);
    return session;
  }

  async #letGo(session: Session): Promise<void> {
    await sleep(restMs, undefined, { ref: false });
    this.#sessions.delete(session);
    session.http2.destroy();
  }
}

function answerOf(http2: ClientHttp2Session, sent: Sent): Promise<Answer> {
  const stream = http2.request(
    [
      ':method',
      sent.method,
      ':scheme',
      'https',
      ':authority',
      'localhost',
      ':path',
      sent.target,
      ...lowerCased(sent.headers),
    ] as unknown as Record<string, string>,
    { endStream: sent.body === undefined },
  );
  if (sent.body !== undefined) stream.end(sent.body);
  return collect(stream);
}

function collect(stream: ClientHttp2Stream): Promise<Answer> {
  return new Promise((resolve) => {
    let status = 0;
    let contentType = '';
    let bytes = 0;
    let ended = false;
    let givenUp = false;
    const chunks: Buffer[] = [];
    const giveUp = (): void => {
      givenUp = true;
      stream.close(cancel);
    };
    let timer = setTimeout(giveUp, patienceMs);
    stream.on('response', (headers) => {
      status = Number(headers[':status']);
      contentType = String(headers['content-type'] ?? '');
      clearTimeout(timer);
      timer = setTimeout(giveUp, afterHeadMs);
    });
    stream.on('data', (chunk: Buffer) => {
      if (bytes < maxBodyBytes) chunks.push(chunk);
      bytes += chunk.length;
    });
    stream.on('end', () => (ended = true));
    stream.on('error', () => (ended = false));
    stream.once('close', () => {
      clearTimeout(timer);
      const clean = ended && stream.rstCode === 0;
      const end = givenUp ? 'given-up' : clean ? 'clean' : 'cut';
      resolve({ status, contentType, body: Buffer.concat(chunks), end });
    });
  });
}

function lowerCased(headers: readonly string[]): string[] {
  return headers.map((part, at) => (at % 2 === 0 ? part.toLowerCase() : part));
}
