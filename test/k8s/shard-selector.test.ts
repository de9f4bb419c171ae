import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseListOptions } from '../../src/k8s/list-options.ts';
import { parseShardSelector } from '../../src/k8s/shard-selector.ts';

const LAST = 0xffff_ffff_ffff_ffffn;

function hex(bound: bigint): string {
  return `0x${bound.toString(16).padStart(16, '0')}`;
}

function range(field: string, start: bigint, end: bigint): string {
  return `shardRange(object.metadata.${field}, '${hex(start)}', '${hex(end)}')`;
}

/** FNV-1a, 64 bits, by its definition. */
function fnv1a(text: string): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of Buffer.from(text)) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & LAST;
  return hash;
}

function contains(selector: string, text: string): boolean | undefined {
  const bytes = Buffer.from(`..${text}.`);
  return parseShardSelector(selector)?.contains(bytes, 2, bytes.length - 1);
}

describe('shard selector', () => {
  test('hashes as FNV-1a does', () => {
    // Published test vectors of the function's authors.
    for (const [text, hash] of [
      ['', 0xcbf29ce484222325n],
      ['a', 0xaf63dc4c8601ec8cn],
      ['foobar', 0x85944171f73967e8n],
    ] as const) {
      expect(fnv1a(text)).toBe(hash);
      expect(contains(range('uid', hash, hash + 1n), text)).toBe(true);
      expect(contains(range('uid', 0n, hash), text)).toBe(false);
      expect(contains(range('uid', hash + 1n, LAST + 1n), text)).toBe(false);
    }
  });

  test('every text lies where its hash does', () => {
    const bound = fc.bigInt({ min: 0n, max: LAST + 1n });
    const text = fc.oneof(fc.uuid(), fc.string({ unit: 'binary' }), fc.constant(''));
    fc.assert(
      fc.property(text, bound, bound, (value, one, other) => {
        fc.pre(one !== other);
        const [start, end] = one < other ? [one, other] : [other, one];
        const hash = fnv1a(Buffer.from(value).toString());
        const expected = hash >= start && hash < end;
        expect(contains(range('namespace', start, end), value)).toBe(expected);
      }),
    );
  });

  test('neighbouring shards take each object once', () => {
    const third = (LAST + 1n) / 3n;
    const shards = [range('uid', 0n, third), range('uid', third, 2n * third)];
    shards.push(range('uid', 2n * third, LAST + 1n));
    fc.assert(
      fc.property(fc.uuid(), (uid) => {
        expect(shards.filter((shard) => contains(shard, uid)).length).toBe(1);
        expect(contains(shards.join(' || '), uid)).toBe(true);
      }),
    );
  });

  const whole = range('uid', 0n, LAST + 1n);
  const half = range('uid', 0n, 0x8000000000000000n);

  test.each([
    [whole, whole],
    [whole.replaceAll("'", '"'), whole],
    [` ${whole}\n`, whole],
    [`${whole}||${half}`, `${whole} || ${half}`],
    [whole.replaceAll(/([(),.])/g, ' $1 '), whole],
  ])('%j is printed back as upstream does', (text, canonical) => {
    expect(parseShardSelector(text)?.canonical).toBe(canonical);
  });

  test.each([
    ['nothing', ''],
    ['a space', ' '],
    ['a word', 'x'],
    ['short bounds', "shardRange(object.metadata.uid, '0x0', '0x1')"],
    ['capital digits', whole.replace('0x0', '0xA')],
    ['too long a bound', whole.replace('0x10000000000000000', '0x10000000000000001')],
    ['start behind the end', range('uid', 2n, 1n)],
    ['an empty range', range('uid', 1n, 1n)],
    ['another field', range('name', 0n, 1n)],
    ['two fields', `${half} || ${range('namespace', 0n, 1n)}`],
    ['another operator', `${half} && ${half}`],
    ['an end that is missing', `${half} || `],
    ['something behind', `${half},`],
    ['mixed quotes', whole.replace("'", '"')],
    ['the end as a start', range('uid', LAST + 1n, LAST + 1n)],
  ])('%s is left to upstream', (_, text) => {
    expect(parseShardSelector(text)).toBeUndefined();
  });

  test('is a list option only where it is served', () => {
    const query = `shardSelector=${encodeURIComponent(half)}`;
    expect(parseListOptions(query)).toEqual({ kind: 'unsupported', reason: 'query' });
    expect(parseListOptions(query, true)).toMatchObject({
      options: { shards: { field: 'uid', canonical: half } },
    });
    expect(parseListOptions('shardSelector=', true)).toMatchObject({ kind: 'options' });
    expect(parseListOptions('shardSelector=x', true)).toEqual({
      kind: 'unsupported',
      reason: 'shardSelector',
    });
  });
});
