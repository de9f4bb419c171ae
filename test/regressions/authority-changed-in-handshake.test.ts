// A handshake that began before the authority of clients changed is verified under the one before, however
// late it ends. Its connection was then taken, and kept the name that the new authority does not vouch for.

import { connect as connectTcp, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EdgeFixture } from '../proxy/edge-fixture.ts';
import { TestAuthority } from '../support/certificates.ts';
import type { IssuedCertificate } from '../support/certificates.ts';

let edge: EdgeFixture;
let next: TestAuthority;
let shown: IssuedCertificate;

beforeAll(async () => {
  [edge, next] = await Promise.all([EdgeFixture.create(), TestAuthority.create()]);
  shown = await edge.authority.issue({ usage: 'client', commonName: 'alice' });
});

afterAll(() => Promise.all([edge.close(), next.remove()]));

/** A relay that gives the server what the client says first, and the rest when told to. */
async function holdingRelay(port: number): Promise<{ port: number; held: Promise<() => void> }> {
  const holding = Promise.withResolvers<() => void>();
  const relay = createServer((client) => {
    const server = connectTcp({ port, host: '127.0.0.1' });
    const ignore = (): void => {};
    for (const socket of [client, server]) {
      socket.on('error', ignore);
      edge.onClose(() => socket.destroy());
    }
    server.pipe(client);
    client.once('data', (hello: Buffer) => {
      server.write(hello);
      client.once('data', (rest: Buffer) => {
        client.pause();
        holding.resolve(() => {
          server.write(rest);
          client.pipe(server);
        });
      });
    });
  });
  edge.onClose(() => relay.close());
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
  return { port: (relay.address() as AddressInfo).port, held: holding.promise };
}

/** What the server says to a request on this connection; nothing when it closes it. */
function answerTo(socket: TLSSocket | Socket): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    socket.on('error', () => {});
    socket.on('close', () => resolve(text));
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  });
}

test.each(['TLSv1.2', 'TLSv1.3'] as const)(
  'A %s handshake that outlives the authority it began under names nobody',
  async (version) => {
    let change = (): void => {};
    const authority = {
      bundle: edge.authority.ca,
      onChange: (callback: () => void) => (change = callback),
    };
    const peers: string[] = [];
    const { port } = await edge.start({
      clientAuthority: authority,
      handle: (exchange) => {
        peers.push(exchange.connection.peer.kind);
        exchange.respondBytes(200, 'text/plain', Buffer.from('ok'));
      },
    });
    const relay = await holdingRelay(port);
    const socket = connectTls({
      port: relay.port,
      host: '127.0.0.1',
      servername: 'localhost',
      ca: edge.authority.ca,
      cert: shown.cert,
      key: shown.key,
      minVersion: version,
      maxVersion: version,
    });
    const answer = answerTo(socket);
    const letGo = await relay.held;
    authority.bundle = next.ca;
    change();
    letGo();
    await answer;
    expect(peers).not.toContain('certificate');
  },
);
