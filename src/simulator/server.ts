/**
 * Server: sockets of the simulated apiserver, and the last word on errors.
 *
 * Plain HTTP/1.1 without a certificate; with one, HTTP/2 and HTTP/1.1 on the same port, as
 * kube-apiserver offers them. Whatever a request does wrong is answered; nothing ends the process.
 */
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createSecureServer } from 'node:http2';
import type { Http2SecureServer, Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { internalError } from '../k8s/status.ts';
import { answer, readBody } from './api.ts';
import type { ApiParts } from './api.ts';
import { ApiError } from './errors.ts';
import { parseRequest } from './request.ts';
import { Response } from './response.ts';

/** HTTP/2 streams of one connection at a time; kube-apiserver allows 100 (250 before 1.28). */
const MAX_STREAMS = 1000;
/** HTTP/2 flow-control window offered per stream: request bodies are small. */
const WINDOW_BYTES = 1024 * 1024;

export type ServerParts = Omit<ApiParts, 'readBody'>;

export class SimulatorServer {
  readonly #server: Server | Http2SecureServer;
  readonly #sockets = new Set<Socket>();
  readonly #parts: ServerParts;

  constructor(parts: ServerParts) {
    this.#parts = parts;
    const { tls } = parts.options;
    const settings = { maxConcurrentStreams: MAX_STREAMS, initialWindowSize: WINDOW_BYTES };
    this.#server =
      tls === undefined
        ? createServer({ requestTimeout: 0 })
        : createSecureServer({ allowHTTP1: true, cert: tls.cert, key: tls.key, settings });
    this.#server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      void this.#handle(request, response);
    });
    this.#server.on(tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    // A handshake that failed is the client's affair.
    this.#server.on('tlsClientError', () => undefined);
    this.#server.on('sessionError', () => undefined);
  }

  /** @returns the port. */
  listen(): Promise<number> {
    const { host, port } = this.#parts.options;
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        this.#server.removeListener('error', reject);
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    for (const socket of this.#sockets) socket.destroy();
    return closed;
  }

  async #handle(
    incoming: IncomingMessage | Http2ServerRequest,
    outgoing: ServerResponse | Http2ServerResponse,
  ): Promise<void> {
    const request = parseRequest(incoming.method ?? 'GET', incoming.url ?? '/', incoming.headers);
    const response = new Response(request, outgoing);
    outgoing.on('error', () => undefined);
    incoming.on('error', () => undefined);
    const { faults, options } = this.#parts;
    try {
      if (faults.delayMs > 0 && request.path !== '/_faults') await sleep(faults.delayMs);
      await answer(request, response, {
        ...this.#parts,
        // Giving up on a body must not take the connection along: the answer still has to leave.
        readBody: () => {
          const chunks = incoming.iterator({ destroyOnReturn: false });
          return readBody(chunks as AsyncIterable<Buffer>, options.maxBodyBytes);
        },
      });
    } catch (error) {
      // Too late for an answer: the client learns it from the broken stream.
      if (outgoing.headersSent || response.ended) response.stream.destroy();
      else response.status(error instanceof ApiError ? error.status : internalError(String(error)));
    }
    incoming.resume();
  }
}
