// Free ports for servers of a test. They lie below 32768, where Linux begins to hand out ports to
// outgoing connections: a port from there could be taken by a client in the moment between our look
// and the server's bind, or while a server is down for a restart.

import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

const lowest = 10_000;
const highest = 32_767;
const attempts = 200;

const handedOut = new Set<number>();

/** A port of 127.0.0.1 nothing listens on, never the same twice in one process. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const port = randomInt(lowest, highest + 1);
    if (handedOut.has(port) || !(await canBind(port))) continue;
    handedOut.add(port);
    return port;
  }
  throw new Error(`no free port between ${lowest} and ${highest} in ${attempts} attempts`);
}

function canBind(port: number): Promise<boolean> {
  return new Promise((done) => {
    const server = createServer();
    server.once('error', () => done(false));
    server.listen(port, '127.0.0.1', () => server.close(() => done(true)));
  });
}
