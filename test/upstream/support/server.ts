/** Scripted apiservers on 127.0.0.1: plain HTTP, TLS, or bare TCP. */

import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createServer as createTcpServer } from 'node:net';
import type { AddressInfo, Server as NetServer, Socket } from 'node:net';
import { Secret } from '../../../src/upstream/cluster-config.ts';
import type { ClusterConfig, ReaderIdentity } from '../../../src/upstream/cluster-config.ts';
import type { Certificates } from './certificates.ts';

export interface TestServer {
  readonly port: number;
  /** Sockets open right now. */
  readonly sockets: Set<Socket>;
  /** Connections accepted since the start. */
  readonly accepted: () => number;
  close(): Promise<void>;
}

export async function startHttp(listener: RequestListener): Promise<TestServer> {
  return track(createServer({ keepAliveTimeout: 60_000 }, listener));
}

export async function startHttps(
  certificates: Certificates,
  listener: RequestListener,
): Promise<TestServer> {
  const options = { ...certificates.server, ca: certificates.ca, requestCert: true };
  return track(
    createTlsServer({ ...options, rejectUnauthorized: false, keepAliveTimeout: 60_000 }, listener),
  );
}

/** Raw TCP: the test writes the response bytes itself. */
export async function startTcp(onSocket: (socket: Socket) => void): Promise<TestServer> {
  return track(createTcpServer({ allowHalfOpen: true }, onSocket) as unknown as Server);
}

async function track(server: Server): Promise<TestServer> {
  const sockets = new Set<Socket>();
  let accepted = 0;
  (server as NetServer).on('connection', (socket) => {
    accepted += 1;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    sockets,
    accepted: () => accepted,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) {
          socket.destroy();
        }
      }),
  };
}

export function plainCluster(server: TestServer, reader: ReaderIdentity = {}): ClusterConfig {
  return {
    origin: 'test',
    scheme: 'http',
    host: '127.0.0.1',
    port: server.port,
    basePath: '',
    insecureSkipTlsVerify: false,
    tlsServerName: '',
    reader,
  };
}

export function tlsCluster(
  server: TestServer,
  certificates: Certificates,
  reader: ReaderIdentity = {},
): ClusterConfig {
  return {
    ...plainCluster(server, reader),
    scheme: 'https',
    certificateAuthority: { kind: 'data', pem: new Secret(certificates.ca), origin: 'test ca' },
  };
}

export async function bytesOf(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

export function answer(response: ServerResponse, status: number, body: unknown): void {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(text);
}

/** Polls until the condition holds; the test's own timeout is the bound. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export type { IncomingMessage, ServerResponse };
