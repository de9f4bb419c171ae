// Canaries: a credential is put wherever a careless log call might carry it, and no line may hold it.

import { expect, describe, test } from 'vitest';
import { BearerCredential } from '../../src/auth/authenticate.ts';
import { createLog, requestLog } from '../../src/observe/log.ts';
import { Secret } from '../../src/upstream/cluster-config.ts';

const canary = 'c4n4ry-0f-a-t0ken';

function written(fields: object, message = 'Failed to do something'): string {
  const lines: string[] = [];
  for (const format of ['json', 'text'] as const) {
    const { logger } = createLog({ verbosity: 6, format, write: (line) => lines.push(line) });
    logger.error(fields, message);
  }
  expect(lines).toHaveLength(2);
  expect(() => JSON.parse(lines[0])).not.toThrow();
  return lines.join('');
}

function errorWith(more: object, message = 'failed', cause?: unknown): Error {
  return Object.assign(new Error(message, { cause }), more);
}

/** A request as bytes, as parsers put it into their errors. */
const head = `GET /api HTTP/1.1\r\nAuthorization: ${canary}\r\nCookie: session=${canary}\r\n\r\n`;

describe('no canary is written', () => {
  test.each<[string, object]>([
    ['the message of an error', new Error(`401 for Bearer ${canary}`)],
    ['the cause of an error', errorWith({}, 'failed', new Error(`Bearer ${canary}`))],
    [
      'the cause of a cause',
      errorWith({}, 'a', errorWith({}, 'b', errorWith({ token: canary }, `Bearer ${canary}`))),
    ],
    ['a cause that is no error', errorWith({}, 'failed', { authorization: canary })],
    ['errors that were gathered', new AggregateError([new Error(`Bearer ${canary}`)], 'several')],
    ['an error in a field of its own', { problem: errorWith({ headers: { cookie: canary } }) }],
    ['an error in a list', { problems: [errorWith({}, `Basic ${canary}`)] }],
    ['the bytes that could not be parsed', { err: errorWith({ rawPacket: Buffer.from(head) }) }],
    ['the text that could not be parsed', { err: errorWith({ data: head }) }],
    [
      'a request that hangs on an error',
      { err: errorWith({ request: { headers: { Cookie: canary } } }) },
    ],
    ['a buffer', { body: Buffer.from(canary) }],
    ['bytes', { body: new Uint8Array(Buffer.from(canary)) }],
    ['the head of a request as text', { text: head }],
    ['a line of its own', { text: `first\nBearer ${canary}\ntoken=${canary}` }],
    ['JSON that was cut off', { text: `{"a":1,"token":"x\\"${canary}` }],
    ['JSON inside of text', { text: JSON.stringify({ status: { token: canary } }) }],
    ['JSON inside of JSON', { text: JSON.stringify({ a: JSON.stringify({ password: canary }) }) }],
    ['a list in which a bracket stands', { cookie: [`a]${canary}`, `b"]${canary}`] }],
    ['an object under the name of a secret', { authorization: { value: canary } }],
    ['a number under the name of a secret', { password: 0xc4_4a }],
    ['a Map of headers', { headers: new Map([['authorization', canary]]) }],
    ['a Headers object', { headers: new Headers({ authorization: `Bearer ${canary}` }) }],
    ['a URL with a query', { url: `https://host/api/v1/pods?labelSelector=a%3D${canary}&limit=1` }],
    ['a target with a query', { err: new Error(`GET /api/v1/pods?token=${canary} failed`) }],
    ['a URL object', { url: new URL(`https://host/api?access_token=${canary}`) }],
    ['a URL with a user', { url: `https://user:${canary}@host/api` }],
    ['a key that was cut off', { text: `-----BEGIN EC PRIVATE KEY-----\n${canary}` }],
    ['a wrapped secret', { user: { secret: new Secret(canary) } }],
    ['a credential', { caller: new BearerCredential(['Authorization', `Bearer ${canary}`]) }],
    ['a WebSocket subprotocol', { protocol: `base64url.bearer.authorization.k8s.io.${canary}` }],
  ])('of %s', (_name, fields) => {
    const lines = written(fields);
    expect(lines).not.toContain(canary);
    expect(lines).not.toContain(String(0xc4_4a));
    // Bytes as numbers are the bytes.
    expect(lines).not.toContain([...Buffer.from(canary.slice(0, 8))].join(','));
  });

  test('of a message', () => {
    for (const text of [head, `{"token":"${canary}"}`, `https://h/p?x=${canary}`]) {
      expect(written({}, text)).not.toContain(canary);
    }
  });
});

describe('what is written', () => {
  const lineOf = (fields: object): Record<string, unknown> =>
    JSON.parse(written(fields).split('\n')[0]) as Record<string, unknown>;

  test('of an error is what helps to find its cause', () => {
    const cause = errorWith({ code: 'ECONNRESET', errno: -104 }, 'socket hang up');
    const { err } = lineOf({ err: new TypeError('upstream failed', { cause }) });
    expect(err).toMatchObject({
      type: 'TypeError',
      message: 'upstream failed',
      stack: expect.stringContaining('log-secrets.test.ts'),
      cause: { type: 'Error', message: 'socket hang up', code: 'ECONNRESET' },
    });
    expect(err).not.toHaveProperty('cause.errno');
  });

  test('ends, whatever hangs together', () => {
    const ring: Record<string, unknown> = { many: Array.from({ length: 10_000 }, (_, i) => i) };
    ring['self'] = ring;
    const error = errorWith({}, 'x'.repeat(1_000_000));
    error.cause = error;
    expect(written({ ring, err: error }).length).toBeLessThan(100_000);
  });

  test('of ordinary fields is what was given', () => {
    const fields = { resource: 'v1/pods', tokens: 3, list: ['a', { b: true }], nothing: null };
    expect(lineOf(fields)).toMatchObject(fields);
    expect(lineOf({ url: 'https://host:6443/api/v1/pods' })).toMatchObject({
      url: 'https://host:6443/api/v1/pods',
    });
  });
});

test('a request line holds no canary, and is bounded whatever the client sends', () => {
  const lines: string[] = [];
  const log = createLog({ verbosity: 2, format: 'json', write: (line) => lines.push(line) });
  requestLog(
    log.logger,
    2,
  )?.({
    method: 'M'.repeat(100_000),
    target: `/api/v1/pods?token=${canary}&x=${'y'.repeat(100_000)}`,
    verb: 'list',
    resource: 'v1/pods',
    namespace: '',
    user: 'u'.repeat(8_192),
    code: 200,
    source: 'cache',
    reason: '',
    latencyMs: 1,
    userAgent: `Bearer ${canary} ${'z'.repeat(100_000)}`,
    auditId: 'a'.repeat(100_000),
  });
  expect(lines[0].length).toBeLessThan(2_048);
  expect(lines[0]).not.toContain(`token=`);
  expect(JSON.parse(lines[0])).toMatchObject({ user: expect.stringMatching(/^u+$/) });
});
