// What is sent to both servers, and what came back, as far as a judge of permissions needs it.

import type { KeyPair } from '../../conformance/control-plane/certificates.ts';
import type { Protocol } from '../../conformance/support/stack.ts';

export interface Sent {
  readonly method: string;
  /** Raw request target. */
  readonly target: string;
  /** name, value, name, value... as they are written; Host, Content-Length and pseudo headers are added. */
  readonly headers: readonly string[];
  readonly body?: string;
  readonly protocol: Protocol;
  readonly certificate?: KeyPair;
  /** Probably of somebody kube-apiserver does not know. */
  readonly byStranger: boolean;
}

export interface Answer {
  /** 0: none came. */
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
  /** `given-up`: by us, as nobody else would have ended it. */
  readonly end: 'clean' | 'cut' | 'given-up';
}

export const NO_ANSWER: Answer = Object.freeze({
  status: 0,
  contentType: '',
  body: Buffer.alloc(0),
  end: 'cut',
});

/** An answer is given up so long after its head: a watch that ends by itself does so after a second. */
export const afterHeadMs = 1_600;
/** Longer than any answer takes, on any machine. */
export const patienceMs = 45_000;
/** What is kept of a body. */
export const maxBodyBytes = 8 * 1024 * 1024;

/** One connection pool or set of sessions to one server. */
export interface Client {
  send(sent: Sent): Promise<Answer>;
  close(): void;
}

export interface Server {
  readonly port: number;
  readonly authority: Buffer;
}
