import { describe, expect, test } from 'vitest';
import type { Answer } from './answer.ts';
import type { FuzzCase } from './cases.ts';
import { judge } from './judge.ts';
import { ResponseReader } from './response-reader.ts';

const uid = '01234567-89ab-cdef-0123-456789abcdef';

function answer(status: number, body = ''): Answer {
  return { status, contentType: 'application/json', body: Buffer.from(body), end: 'clean' };
}

function judged(direct: Answer, proxied: Answer, target = '/api/v1/pods#x'): unknown {
  const sent = { method: 'GET', target, headers: [], protocol: 'h2' as const, byStranger: false };
  const fuzzCase = { number: 1, sent, tricks: [] } as unknown as FuzzCase;
  return judge(fuzzCase, direct, proxied);
}

describe('A planted fault is a violation:', () => {
  test.each([
    [403, 200],
    [401, 200],
    [403, 101],
    [403, 204],
  ])('upstream says %d, the proxy %d', (direct, proxied) => {
    expect(judged(answer(direct), answer(proxied))).toMatchObject({ kind: 'violation' });
  });

  test('an object that upstream does not show', () => {
    const shown = answer(200, `{"uid":"${uid}"}`);
    expect(judged(answer(200, '{}'), shown)).toMatchObject({ kind: 'violation' });
    expect(judged(shown, answer(200, '{}'))).toEqual({ kind: 'equal' });
  });
});

describe('A planted fault is a difference:', () => {
  test('another status, explained or not', () => {
    expect(judged(answer(404), answer(403), '/x')).toMatchObject({
      kind: 'difference',
      explained: undefined,
    });
    expect(judged(answer(404), answer(400))).toMatchObject({
      explained: 'a target that is no plain path',
    });
  });

  test('a refusal in other words, or in another form', () => {
    expect(judged(answer(403, 'no'), answer(403, 'never'))).toMatchObject({ kind: 'difference' });
    const asText = { ...answer(403, 'no'), contentType: 'text/plain' };
    expect(judged(answer(403, 'no'), asText)).toMatchObject({ kind: 'difference' });
    expect(judged(answer(403, 'no'), answer(403, 'no'))).toEqual({ kind: 'equal' });
  });
});

describe('A response is read to its end', () => {
  const cases: readonly (readonly [name: string, bytes: string, body: string])[] = [
    ['with a length', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello', 'hello'],
    ['without a body', 'HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n', ''],
    [
      'in chunks',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n',
      'hello',
    ],
    [
      'behind a 100',
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi',
      'hi',
    ],
  ];

  test.each(cases)('%s, in pieces of any size', (_name, bytes, body) => {
    for (let size = 1; size <= bytes.length; size += 1) {
      const reader = new ResponseReader('GET');
      for (let at = 0; at < bytes.length; at += size) {
        expect(reader.done).toBe(false);
        reader.push(Buffer.from(bytes.slice(at, at + size)));
      }
      expect(reader.done).toBe(true);
      expect(reader.body.toString()).toBe(body);
      expect(reader.keepsConnection).toBe(true);
    }
  });

  test('that the end of the connection ends', () => {
    const reader = new ResponseReader('GET');
    reader.push(Buffer.from('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nsome'));
    expect([reader.done, reader.endsByClose, reader.body.toString()]).toEqual([
      false,
      true,
      'some',
    ]);
  });
});
