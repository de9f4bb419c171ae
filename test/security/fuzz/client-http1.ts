// HTTP/1.1 with every byte of the request line and the headers written as they are given, over kept
// connections. One request at a time on each; a connection whose answer was odd is not used again.

import { readFileSync } from 'node:fs';
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import type { KeyPair } from '../../conformance/control-plane/certificates.ts';
import { afterHeadMs, NO_ANSWER, patienceMs } from './answer.ts';
import type { Answer, Client, Sent, Server } from './answer.ts';
import { ResponseReader } from './response-reader.ts';

/** Kept unused; more are closed. */
const maxIdle = 64;

export class ClientHttp1 implements Client {
  readonly #server: Server;
  /** By certificate file. */
  readonly #idle = new Map<string, TLSSocket[]>();
  readonly #open = new Set<TLSSocket>();

  constructor(server: Server) {
    this.#server = server;
  }

  async send(sent: Sent): Promise<Answer> {
    const key = sent.certificate?.certFile ?? '';
    const idle = this.#idleOf(key);
    let socket = idle.pop();
    while (socket?.destroyed === true) socket = idle.pop();
    const kept = socket !== undefined;
    socket ??= await this.#connect(sent.certificate);
    if (socket === undefined) return NO_ANSWER;
    const { answer, reusable } = await exchange(socket, sent);
    if (reusable && idle.length < maxIdle) idle.push(socket);
    else socket.destroy();
    // The server may have closed a kept connection just now; nothing of ours changes anything.
    return kept && answer.status === 0 && answer.end === 'cut' ? this.send(sent) : answer;
  }

  close(): void {
    for (const socket of this.#open) socket.destroy();
  }

  #idleOf(key: string): TLSSocket[] {
    let idle = this.#idle.get(key);
    if (idle === undefined) this.#idle.set(key, (idle = []));
    return idle;
  }

  #connect(certificate: KeyPair | undefined): Promise<TLSSocket | undefined> {
    const { port, authority: ca } = this.#server;
    const socket = connect({
      host: '127.0.0.1',
      port,
      ca,
      servername: 'localhost',
      ALPNProtocols: ['http/1.1'],
      ...pairOf(certificate),
    });
    this.#open.add(socket);
    socket.once('close', () => this.#open.delete(socket));
    socket.setNoDelay(true);
    return new Promise((resolve) => {
      socket.once('secureConnect', () => resolve(socket));
      socket.on('error', () => resolve(undefined));
    });
  }
}

export function pairOf(pair: KeyPair | undefined): { cert?: Buffer; key?: Buffer } {
  if (pair === undefined) return {};
  return { cert: readFileSync(pair.certFile), key: readFileSync(pair.keyFile) };
}

/** The request as it goes over the wire. */
export function requestBytes({ method, target, headers, body }: Sent): Buffer {
  let head = `${method} ${target} HTTP/1.1\r\nHost: localhost\r\n`;
  for (let at = 0; at < headers.length; at += 2) head += `${headers[at]}: ${headers[at + 1]}\r\n`;
  if (body !== undefined) head += `Content-Length: ${Buffer.byteLength(body)}\r\n`;
  return Buffer.concat([Buffer.from(`${head}\r\n`, 'latin1'), Buffer.from(body ?? '')]);
}

interface Exchanged {
  readonly answer: Answer;
  readonly reusable: boolean;
}

function exchange(socket: TLSSocket, sent: Sent): Promise<Exchanged> {
  return new Promise((resolve) => {
    const reader = new ResponseReader(sent.method);
    const finish = (end: Answer['end']): void => {
      clearTimeout(timer);
      socket.off('data', onData).off('close', onClose);
      const { status, body } = reader;
      const contentType = reader.header('content-type') ?? '';
      const reusable = end === 'clean' && reader.keepsConnection && !socket.destroyed;
      resolve({ answer: { status, contentType, body, end }, reusable });
    };
    const giveUp = (): void => {
      finish('given-up');
    };
    let timer = setTimeout(giveUp, patienceMs);
    const onData = (chunk: Buffer): void => {
      const hadHead = reader.status !== 0;
      reader.push(chunk);
      if (reader.done) finish('clean');
      else if (!hadHead && reader.status !== 0) {
        clearTimeout(timer);
        timer = setTimeout(giveUp, afterHeadMs);
      }
    };
    const onClose = (): void => finish(reader.endsByClose ? 'clean' : 'cut');
    socket.on('data', onData).once('close', onClose);
    if (socket.destroyed) onClose();
    else socket.write(requestBytes(sent));
  });
}
