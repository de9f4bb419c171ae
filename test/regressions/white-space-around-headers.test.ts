// Node leaves an HTTP/2 header out, without a word, when its value begins or ends with white space. When
// it says whom the request impersonates, the request then ran with all the rights of who sent it.

import { connect } from 'node:http2';
import type { SecureClientSessionOptions } from 'node:http2';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Exchange } from '../../src/proxy/exchange.ts';
import { EdgeFixture } from '../proxy/edge-fixture.ts';
import type { RunningServer } from '../proxy/edge-fixture.ts';

let edge: EdgeFixture;
let running: RunningServer;
const handled: Exchange[] = [];

beforeAll(async () => {
  edge = await EdgeFixture.create();
  running = await edge.start({
    handle: (exchange) => {
      handled.push(exchange);
      exchange.respondBytes(200, 'text/plain', Buffer.from('ok'));
    },
  });
});

afterAll(() => edge.close());

/** The status of a request with these headers, on a connection of its own. */
function asked(headers: Record<string, string>): Promise<number> {
  const session = connect(`https://localhost:${running.port}`, {
    ca: edge.authority.ca,
    strictFieldWhitespaceValidation: false,
  } as SecureClientSessionOptions);
  return new Promise((resolve, reject) => {
    session.on('error', reject);
    const stream = session.request({ ':path': '/api/v1/nodes', ...headers });
    stream.on('error', reject);
    stream.once('response', (head) => resolve(Number(head[':status'])));
    stream.resume();
    stream.once('close', () => session.close());
  });
}

test.each([
  ['impersonate-user', ' alice'],
  ['impersonate-user', 'alice '],
  ['impersonate-user', '\talice'],
  ['impersonate-group', 'readers\t'],
  ['Impersonate-Extra-Scopes', ' '],
])('An HTTP/2 request with %s: "%s" is refused', async (name, value) => {
  handled.length = 0;
  expect(await asked({ authorization: 'Bearer admin', [name]: value })).toBe(400);
  expect(handled).toEqual([]);
});

test('White space elsewhere arrives as it was sent', async () => {
  handled.length = 0;
  const headers = {
    authorization: ' Bearer  a\tb ',
    'impersonate-user': 'a b',
    'user-agent': 'program ',
    'x-empty': '',
  };
  expect(await asked(headers)).toBe(200);
  expect(handled[0].rawHeaders).toEqual(Object.entries(headers).flat());
});
