import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ConnectionError } from '../../src/http2/frame.ts';
import { HpackDecoder } from '../../src/http2/hpack-decoder.ts';
import { encodeHead } from '../../src/http2/hpack-encoder.ts';
import { STATIC_FIELDS } from '../../src/http2/hpack-table.ts';

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex');

const get = [':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'www.example.com'];
const cached = [...get, 'cache-control', 'no-cache'];
const custom = [
  ':method',
  'GET',
  ':scheme',
  'https',
  ':path',
  '/index.html',
  ':authority',
  'www.example.com',
  'custom-key',
  'custom-value',
];

describe('Header blocks of RFC 7541 appendix C', () => {
  test.each([
    [
      'C.3, plain',
      [
        ['8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d', get],
        ['8286 84be 5808 6e6f 2d63 6163 6865', cached],
        ['8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65', custom],
      ],
    ],
    [
      'C.4, Huffman',
      [
        ['8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff', get],
        ['8286 84be 5886 a8eb 1064 9cbf', cached],
        ['8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf', custom],
      ],
    ],
    [
      'C.6.1, an answer',
      [
        [
          '4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e' +
            '919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3',
          [
            ':status',
            '302',
            'cache-control',
            'private',
            'date',
            'Mon, 21 Oct 2013 20:13:21 GMT',
            'location',
            'https://www.example.com',
          ],
        ],
      ],
    ],
  ] as [string, [string, string[]][]][])('%s', (_name, blocks) => {
    const decoder = new HpackDecoder(4_096);
    for (const [hex, fields] of blocks) expect(decoder.decode(bytes(hex)).fields).toEqual(fields);
  });
});

describe('A block that is none', () => {
  test.each([
    ['index 0', '80'],
    ['an index beyond the tables', 'be'],
    ['an integer without end', 'ff ff ff ff ff ff ff ff ff ff'],
    ['an integer that breaks off', 'ff 80'],
    ['a name that breaks off', '40 0a 63 75'],
    ['a name and no value', '40 01 61'],
    ['a table larger than was allowed', '3f e2 1f'],
    ['a change of the table behind a field', '82 20'],
    ['Huffman padding of more than seven bits', '40 01 61 82 07 ff'],
    ['Huffman padding of zeros', '40 01 61 81 00'],
    ['the Huffman end mark', '40 01 61 84 ff ff ff ff'],
  ])('%s', (_name, hex) => {
    expect(() => new HpackDecoder(4_096).decode(bytes(hex))).toThrow(ConnectionError);
  });

  test('any bytes at all are decoded or refused, and nothing else', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 }), (blocks) => {
        const decoder = new HpackDecoder(1_000);
        try {
          for (const block of blocks) {
            const { fields } = decoder.decode(Buffer.from(block));
            expect(fields.length % 2).toBe(0);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(ConnectionError);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

test('A list beyond the limit is measured, and not kept', () => {
  const decoder = new HpackDecoder(100);
  // One long field added to the table, and then called a thousand times by one byte each.
  const long = Buffer.concat([bytes('40 01 61 32'), Buffer.alloc(50, 'b')]);
  expect(decoder.decode(long)).toEqual({ fields: ['a', 'b'.repeat(50)], bytes: 83 });
  const { fields, bytes: measured } = decoder.decode(Buffer.alloc(1_000, 0xbe));
  expect(fields).toEqual(['a', 'b'.repeat(50)]);
  expect(measured).toBe(83_000);
});

// A sender that chooses how it says each field, with a table of its own.

interface Said {
  readonly name: string;
  readonly value: string;
  readonly how: 'indexed' | 'added' | 'plain' | 'never';
}

class Sender {
  readonly #max: number;
  #table: [string, string][] = [];

  constructor(maxBytes: number) {
    this.#max = maxBytes;
  }

  block(fields: readonly Said[], resized: boolean): Buffer {
    const parts: Buffer[] = resized ? [this.#resize()] : [];
    for (const field of fields) parts.push(this.#field(field));
    return Buffer.concat(parts);
  }

  #resize(): Buffer {
    this.#table = [];
    return Buffer.concat([integer(0x20, 5, 0), integer(0x20, 5, this.#max)]);
  }

  #field({ name, value, how }: Said): Buffer {
    const all = [...STATIC_FIELDS.map((f) => [f.name, f.value] as const), ...this.#table];
    const whole = all.findIndex(([n, v]) => n === name && v === value) + 1;
    if (how === 'indexed' && whole > 0) return integer(0x80, 7, whole);
    const known = all.findIndex(([n]) => n === name) + 1;
    const head =
      how === 'added' ? integer(0x40, 6, known) : integer(how === 'never' ? 0x10 : 0, 4, known);
    if (how === 'added') this.#add(name, value);
    return Buffer.concat([head, known === 0 ? text(name) : Buffer.alloc(0), text(value)]);
  }

  #add(name: string, value: string): void {
    this.#table.unshift([name, value]);
    const size = (): number =>
      this.#table.reduce((sum, [n, v]) => sum + n.length + v.length + 32, 0);
    while (size() > this.#max) this.#table.pop();
  }
}

function integer(first: number, bits: number, value: number): Buffer {
  const most = 2 ** bits - 1;
  if (value < most) return Buffer.from([first | value]);
  const out = [first | most];
  let left = value - most;
  for (; left >= 128; left = Math.floor(left / 128)) out.push((left % 128) | 128);
  return Buffer.from([...out, left]);
}

const text = (value: string): Buffer =>
  Buffer.concat([integer(0, 7, value.length), Buffer.from(value, 'latin1')]);

const words = fc.constantFrom('a', 'accept', 'x-long', ':path', 'authorization', 'etag');
const said: fc.Arbitrary<Said> = fc.record({
  name: words,
  value: fc.oneof(
    fc.constantFrom('', '1', 'two', 'v'.repeat(300), 'w'.repeat(5_000)),
    fc.string({ unit: 'grapheme-ascii', maxLength: 20 }),
  ),
  how: fc.constantFrom('indexed', 'added', 'plain', 'never'),
});

test('Whatever a sender remembers, and however it says it, the same comes out', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.array(said, { maxLength: 12 }), fc.boolean()), { maxLength: 12 }),
      (blocks) => {
        const sender = new Sender(4_096);
        const decoder = new HpackDecoder(1_000_000);
        for (const [fields, resized] of blocks) {
          const { fields: got } = decoder.decode(sender.block(fields, resized));
          expect(got).toEqual(fields.flatMap(({ name, value }) => [name, value]));
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('An answer of ours is read by the same rules', () => {
  const headers = [
    'Content-Type',
    'application/json',
    'X-Custom',
    'é'.repeat(200),
    'Warning',
    '299 - "a"',
    'Warning',
    '299 - "b"',
    'Audit-Id',
    '',
  ];
  for (const status of [200, 299, 404, 500]) {
    const { fields } = new HpackDecoder(10_000).decode(encodeHead(status, headers));
    const lower = headers.map((word, i) => (i % 2 === 0 ? word.toLowerCase() : word));
    expect(fields).toEqual([':status', String(status), ...lower]);
  }
});
