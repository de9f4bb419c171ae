import { createServer, type AddressInfo } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { ClusterConfig } from '../../src/upstream/cluster-config.ts';
import { Dialer } from '../../src/upstream/dialer.ts';
import type { TlsContexts } from '../../src/upstream/tls-contexts.ts';

const DIALS = 50;
const LIMITS = { connectTimeoutMs: 5_000, tcpKeepAliveMs: 1_000 };

test('connections that a crowd wants begin one in a turn of the loop', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen({ host: '127.0.0.1', port: 0 }, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const cluster = { scheme: 'http', host: '127.0.0.1', port } as ClusterConfig;
  const dialer = new Dialer(cluster, {} as TlsContexts, LIMITS);
  const dialing = Array.from({ length: DIALS }, () => dialer.dial('bare'));
  await nextTurn();
  expect(dialer.dials).toBeGreaterThan(0);
  await nextTurn();
  expect(dialer.dials).toBeLessThan(5);
  const sockets = await Promise.all(dialing);
  expect(dialer.dials).toBe(DIALS);
  for (const socket of sockets) socket.destroy();
  server.close();
});
