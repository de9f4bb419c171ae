import { describe, expect, test } from 'vitest';
import {
  forwardedHeaders,
  headerCount,
  headerListBytes,
  headerValue,
  refusal,
  relayedHeaders,
} from '../../src/proxy/headers.ts';

const FROM = { remoteAddress: '192.0.2.7' };
const OURS = ['X-Forwarded-For', '192.0.2.7'];

/** A request with these headers, over HTTP/1.1. */
function request(target: string, headers: string[] = ['Host', 'a']) {
  return { method: 'GET', target, rawHeaders: headers, hostRequired: true };
}

describe('raw headers', () => {
  test('are found in any case, the first one wins', () => {
    const raw = ['Accept', 'a', 'ACCEPT', 'b', 'X', 'c'];
    expect(headerValue(raw, 'accept')).toBe('a');
    expect(headerValue(raw, 'x-absent')).toBeUndefined();
    expect(headerCount(raw, 'accept')).toBe(2);
    expect(headerCount(raw, 'b')).toBe(0);
  });

  test('a value is never taken for a name', () => {
    expect(headerValue(['x', 'accept', 'y', 'z'], 'accept')).toBeUndefined();
  });

  test('are measured as HTTP/2 does', () => {
    expect(headerListBytes(['ab', 'cde', 'f', ''])).toBe(2 + 3 + 32 + 1 + 0 + 32);
  });
});

describe('a request is refused', () => {
  test.each([
    ['absolute form', request('http://evil/api/v1/pods')],
    ['authority form', request('evil:443')],
    ['asterisk form', request('*')],
    ['an empty target', request('')],
    ['a fragment', request('/api#x')],
    ['a space', request('/api v1')],
    ['a control byte', request('/api\u0001')],
    ['DEL', request('/api\u007f')],
    ['a byte above ASCII', request('/api\u00e9')],
    ['CONNECT', { ...request('/'), method: 'CONNECT' }],
    ['two Host headers', request('/', ['Host', 'a', 'host', 'a'])],
    ['no Host header', request('/', [])],
    ['Connection: authorization', request('/', ['Host', 'a', 'Connection', 'Authorization'])],
    [
      'Connection with a padded identity header',
      request('/', ['Host', 'a', 'connection', 'keep-alive,  Impersonate-User, x']),
    ],
    ['Connection: x-remote-user', request('/', ['Host', 'a', 'Connection', '\tX-Remote-User'])],
    ['Connection: host', request('/', ['Host', 'a', 'Connection', 'host'])],
    ['Connection: cookie', request('/', ['Host', 'a', 'Connection', 'cookie'])],
    [
      'a second Connection header',
      request('/', ['Host', 'a', 'Connection', 'x', 'Connection', 'impersonate-uid']),
    ],
    ['an unknown coding', request('/', ['Host', 'a', 'Transfer-Encoding', 'xchunked'])],
    ['two codings', request('/', ['Host', 'a', 'Transfer-Encoding', 'gzip, chunked'])],
    ['an underscore in place of a hyphen', request('/', ['Host', 'a', 'Impersonate_User', 'root'])],
    ['x_remote-group', request('/', ['Host', 'a', 'x_remote-group', 'system:masters'])],
    [
      'a Host that is not the authority',
      { ...request('/', ['host', 'b']), hostRequired: false, authority: 'a' },
    ],
  ])('for %s', (_name, head) => {
    expect(refusal(head)).toEqual(expect.any(String));
  });
});

describe('a request is not refused', () => {
  test.each([
    ['a plain one', request('/api/v1/pods?watch=1')],
    ['dots, escapes and backslashes', request('/api/../%2e%2e/\\x;y=1?a=%zz&b="')],
    ['Connection naming ordinary headers', request('/', ['Host', 'a', 'Connection', 'x-a, close'])],
    [
      'two Authorization headers',
      request('/', ['Host', 'a', 'Authorization', 'a', 'authorization', 'b']),
    ],
    ['an underscore in another name', request('/', ['Host', 'a', 'x_y', 'z'])],
    ['HTTP/2 without Host', { ...request('/', []), hostRequired: false, authority: 'a' }],
    [
      'HTTP/2 with both alike',
      { ...request('/', ['host', 'A']), hostRequired: false, authority: 'a' },
    ],
  ])('for %s', (_name, head) => {
    expect(refusal(head)).toBeUndefined();
  });
});

describe('headers sent upstream', () => {
  test('keep names, values, order and repetition', () => {
    const raw = [
      'Accept',
      'a',
      'Impersonate-Group',
      'x',
      'impersonate-group',
      'y, z',
      'Accept',
      'b',
    ];
    expect(forwardedHeaders(raw, FROM)).toEqual([...raw, ...OURS]);
  });

  test.each([
    ['Connection', 'close'],
    ['Keep-Alive', 'timeout=5'],
    ['Proxy-Authorization', 'Basic x'],
    ['Proxy-Connection', 'close'],
    ['TE', 'gzip'],
    ['Trailer', 'x'],
    ['Transfer-Encoding', 'chunked'],
    ['Upgrade', 'websocket'],
    ['Expect', '100-continue'],
    ['HTTP2-Settings', 'x'],
    ['Host', 'evil'],
    ['X-Forwarded-For', '10.0.0.1'],
    ['X-Real-Ip', '10.0.0.1'],
    ['X-Remote-User', 'root'],
    ['x-remote-extra-scopes', 'all'],
  ])('leave out %s', (name, value) => {
    expect(forwardedHeaders([name, value, 'A', 'b'], FROM)).toEqual(['A', 'b', ...OURS]);
  });

  test('leave out what Connection nominates, in any case and padding', () => {
    const raw = ['Connection', 'keep-alive,  X-Secret ,', 'x-secret', '1', 'X-Other', '2'];
    expect(forwardedHeaders(raw, FROM)).toEqual(['X-Other', '2', ...OURS]);
  });

  test('keep TE: trailers', () => {
    expect(forwardedHeaders(['te', 'trailers'], FROM)).toEqual(['te', 'trailers', ...OURS]);
  });

  test('of an upgrade say so in our own words', () => {
    const raw = [
      'Connection',
      'Upgrade, x-hop',
      'Upgrade',
      'h2c',
      'X-Hop',
      '1',
      'Sec-WebSocket-Key',
      'k',
    ];
    expect(forwardedHeaders(raw, { ...FROM, upgrade: 'websocket' })).toEqual([
      'Sec-WebSocket-Key',
      'k',
      ...OURS,
      'Connection',
      'Upgrade',
      'Upgrade',
      'websocket',
    ]);
  });
});

describe('headers relayed to the client', () => {
  test('are those of upstream without its hop', () => {
    const raw = [
      'Connection',
      'x-hop',
      'X-Hop',
      '1',
      'Keep-Alive',
      'x',
      'Transfer-Encoding',
      'chunked',
    ];
    const kept = ['Warning', 'a', 'Warning', 'b', 'Audit-Id', 'c', 'Content-Length', '3'];
    expect(relayedHeaders([...raw, ...kept])).toEqual(kept);
  });
});
