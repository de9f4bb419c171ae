// Of a chain, only the certificates that the client sent were looked at for their end. Clients send no authority, so that
// a name outlived it on connections that stayed open.

import { once } from 'node:events';
import { connect } from 'node:tls';
import { expect, test } from 'vitest';
import type { Peer } from '../../src/auth/certificate.ts';
import { EdgeFixture } from '../proxy/edge-fixture.ts';

const DAY_MS = 86_400_000;

test('A name ends with its authority, when that is first', async () => {
  const edge = await EdgeFixture.create();
  const shown = await edge.authority.issue({ usage: 'client', commonName: 'alice', days: 3_000 });
  const peers: Peer[] = [];
  const { port } = await edge.start({
    clientAuthority: { bundle: edge.authority.ca, onChange: () => {} },
    handle: (exchange) => {
      peers.push(exchange.connection.peer);
      exchange.respondBytes(200, 'text/plain', Buffer.from('ok'));
    },
  });
  const { ca } = edge.authority;
  const { cert, key } = shown;
  const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca, cert, key });
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  socket.resume();
  await once(socket, 'close');
  const [peer] = peers;
  if (peer?.kind !== 'certificate') throw new Error(`the peer is ${peer?.kind}`);
  // The authority of tests lives for 30 days.
  expect(peer.credential.expiresAtMs).toBeLessThan(Date.now() + 31 * DAY_MS);
  await edge.close();
});
