// Requests inside requests: bytes that one parser takes for the end of a request and another for its middle. However
// they are answered, upstream sees no request that the proxy did not see, and none twice.

import { describe, expect, test } from 'vitest';
import { FrameTap } from '../support/frame-tap.ts';
import { getBlock, PREFACE, request, settings } from '../support/http2-frames.ts';
import { openTls } from '../support/recording-client.ts';
import { exchangeRaw, head, statusOf } from './support/raw.ts';
import type { ScriptedCluster } from './support/scripted-cluster.ts';

const host = 'Host: localhost';
const token = 'Authorization: Bearer root-token';
const chunked = 'Transfer-Encoding: chunked';
/** What must never be a request of its own. */
const inner = head('GET /smuggled HTTP/1.1', host, token);

interface Smuggling {
  readonly name: string;
  /** Written behind `POST /corpus-N HTTP/1.1`, or whole when it begins with a method. */
  readonly bytes: (line: string) => string;
  /** Refused before upstream hears of it; the others go there at most once. */
  readonly refused?: true;
}

function behind(name: string, fields: readonly string[], body: string, refused?: true): Smuggling {
  return { name, refused, bytes: (line) => head(line, host, token, ...fields) + body };
}

const length = (count: number | string): string => `Content-Length: ${count}`;
const innerChunk = `${inner.length.toString(16)}\r\n${inner}\r\n0\r\n\r\n`;

const corpus: readonly Smuggling[] = [
  behind('CL.TE', [length(6), chunked], `0\r\n\r\n${inner}`, true),
  behind('TE.CL', [chunked, length(4)], innerChunk, true),
  behind('CL.CL', [length(0), length(inner.length)], inner, true),
  behind('CL.CL, equal', [length(0), length(0)], inner, true),
  behind('CL as a list', [length('0, 0')], inner, true),
  behind('a signed CL', [length('+0')], inner, true),
  behind('a hexadecimal CL', [length('0x0')], inner, true),
  behind('TE.TE', [chunked, 'Transfer-Encoding: identity'], innerChunk, true),
  behind('an unknown TE', ['Transfer-Encoding: xchunked'], innerChunk, true),
  behind('TE behind a tab', ['Transfer-Encoding:\tchunked, x'], innerChunk, true),
  behind('TE behind a vertical tab', ['Transfer-Encoding: \u000bchunked'], innerChunk, true),
  behind('TE with a space before the colon', ['Transfer-Encoding : chunked'], innerChunk, true),
  behind('a folded TE', ['Transfer-Encoding:', ' chunked'], innerChunk, true),
  behind('a folded header', ['X-A: b', ` GET /smuggled HTTP/1.1`], '', true),
  behind('a bare CR in a value', [`X-A: b\rGET /smuggled HTTP/1.1`], '', true),
  behind('a bare LF in a value', [`X-A: b\n\nGET /smuggled HTTP/1.1`], '', true),
  behind('NUL in a value', ['X-A: b\0c'], inner, true),
  behind('a name with a space', ['X A: b'], inner, true),
  behind('a second Host', [host], inner, true),
  { name: 'bare LF', refused: true, bytes: (line) => `${line}\n${host}\n\n${inner}` },
  {
    name: 'absolute form',
    refused: true,
    bytes: (line) => head(line.replace(' /', ' http://localhost/smuggled/'), host) + inner,
  },
  behind('a negative chunk', [chunked], `-1\r\n${inner}`),
  behind('an endless chunk size', [chunked], `fffffffffffffffff\r\n${inner}`),
  behind('a chunk extension', [chunked], `1;a="b\r\nc"\r\nx\r\n0\r\n\r\n${inner}`),
  behind('a chunk extension behind LF', [chunked], `2;\nxx\r\n${innerChunk}`),
  behind('a chunk that is longer than its size', [chunked], `1\r\nxx${inner}0\r\n\r\n`),
  behind('a chunk that ends in LF', [chunked], `1\nx\n0\n\n${inner}`),
  behind(
    'trailers that are headers',
    [chunked, 'Connection: close'],
    `0\r\n${token}\r\nX: y\r\n\r\n`,
  ),
  behind('a request as a body', [length(inner.length), 'Connection: close'], inner),
  behind('a request as a chunk', [chunked, 'Connection: close'], innerChunk),
  behind(
    'a body that is expected',
    ['Expect: 100-continue', length(inner.length), 'Connection: close'],
    inner,
  ),
];

export function smugglingTests(started: () => ScriptedCluster): void {
  describe('Smuggled requests', () => {
    const target = () => ({ port: started().watershed.port, ca: started().authority });
    const seen = (text: string) => started().seen.filter((each) => each.target.includes(text));

    for (const [index, { name, bytes, refused }] of corpus.entries()) {
      for (const method of ['POST', 'GET']) {
        test(`#23 ${name} behind ${method} is one request or none`, async () => {
          const path = `/corpus-${index}-${method}`;
          // Some are read to their end as a body, whose sender goes on waiting: its answer is enough.
          const isEnough = (text: string): boolean => refused !== true && statusOf(text) >= 200;
          const text = await exchangeRaw(target(), bytes(`${method} ${path} HTTP/1.1`), isEnough);
          if (refused === true) expect(statusOf(text), text).toBe(400);
          expect(seen(path).length).toBeLessThanOrEqual(refused === true ? 0 : 1);
        });
      }
    }

    test('#23 a header over HTTP/2 cannot break its line upstream', async () => {
      const socket = await openTls(target(), ['h2']);
      const tap = new FrameTap(socket);
      tap.on('error', () => {});
      tap.resume();
      const lines = [
        'x\r\n\r\nGET /smuggled HTTP/1.1',
        'x\nGET /smuggled',
        'x\rGET /smuggled',
        'x\0y',
      ];
      const requests = lines.flatMap((value, at) => [
        request(
          4 * at + 1,
          getBlock('/corpus-h2', ['x-a', value], ['authorization', 'Bearer root-token']),
        ),
        request(4 * at + 3, getBlock('/corpus-h2', [`x-a: ${value}`, 'b'])),
      ]);
      const last = 4 * lines.length + 1;
      socket.write(
        Buffer.concat([PREFACE, settings(), ...requests, request(last, getBlock('/version'))]),
      );
      const isOver = (): boolean =>
        socket.destroyed ||
        tap.frames.some(({ stream, flags }) => stream === last && (flags & 1) !== 0);
      while (!isOver()) await new Promise((resolve) => setTimeout(resolve, 5));
      socket.destroy();
      for (const { rawHeaders } of seen('/corpus-h2')) {
        expect(rawHeaders.filter((text) => text.includes('smuggled'))).toEqual([]);
      }
    });

    test('#23 in all of this upstream saw no request that nobody sent', async () => {
      // A round trip behind everything: what was under way has arrived.
      await exchangeRaw(target(), head('GET /version HTTP/1.1', host, token, 'Connection: close'));
      expect(seen('/smuggled')).toEqual([]);
    });
  });
}
