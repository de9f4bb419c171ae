import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { JsonListScanner } from '../../src/k8s/scan-list-json.ts';
import { anyValue, write } from './scan-documents.ts';

function scanAll(scan: JsonListScanner, text: string): { ok: boolean; items: string[] } {
  const bytes = Buffer.from(`x${text}y`);
  const items: string[] = [];
  scan.open(bytes, 1, bytes.length - 1);
  while (scan.next()) items.push(bytes.toString('utf8', scan.itemStart, scan.itemEnd));
  return { ok: scan.problem === '', items };
}

function revision(scan: JsonListScanner, text: string): string {
  return Buffer.from(`x${text}`).toString('utf8', scan.revisionStart, scan.revisionEnd);
}

describe('a list', () => {
  test('of a built-in kind gives its revision, its continue token and its items', () => {
    const scan = new JsonListScanner();
    const text =
      '{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"12","continue":"abc","remainingItemCount":3},"items":[{"metadata":{"name":"a"}},{"metadata":{"name":"b"}}]}\n';
    const { ok, items } = scanAll(scan, text);
    expect(ok).toBe(true);
    expect(items).toEqual(['{"metadata":{"name":"a"}}', '{"metadata":{"name":"b"}}']);
    expect(revision(scan, text)).toBe('12');
    expect(scan.continueToken).toBe('abc');
    expect(scan.items).toBe(2);
  });

  test('of a custom resource has its items before its metadata', () => {
    const scan = new JsonListScanner();
    const text =
      '{"apiVersion":"g/v1","items":[{"a":[1]}],"kind":"FooList","metadata":{"continue":"","resourceVersion":"9"}}';
    expect(scanAll(scan, text)).toEqual({ ok: true, items: ['{"a":[1]}'] });
    expect(revision(scan, text)).toBe('9');
    expect(scan.continueToken).toBe('');
  });

  test.each([
    ['{"metadata":{},"items":[]}', 0],
    ['{"metadata":{},"items":null}', 0],
    ['{"it\\u0065ms":[ {} , 1 ],"metadata":{}}', 2],
  ])('%j has the items it says', (text, count) => {
    const scan = new JsonListScanner();
    const { ok, items } = scanAll(scan, text);
    expect(ok).toBe(true);
    expect(items).toHaveLength(count);
  });

  test.each([
    ['{"metadata":{}}', 'the list has no items'],
    ['{"items":[],"items":[]}', 'items are given twice'],
    ['{"items":{}}', 'items are not an array'],
    ['{"items":[{}]', 'truncated'],
    ['{"items":[{},]}', 'unexpected byte'],
    ['{"items":[{}]}}', 'text behind the document'],
    ['[]', 'not an object'],
    ['{}', 'unexpected byte'],
    ['{"items":[]', 'truncated'],
    ['{"items":[],', 'truncated'],
    ['{"items":[],}', 'unexpected byte'],
    ['{"metadata":{},"items":[],"metadata":{}}', 'metadata is given twice'],
    ['{"items":[1 2]}', 'unexpected byte'],
    ['', 'truncated'],
  ])('%j is refused: %s', (text, problem) => {
    const scan = new JsonListScanner();
    expect(scanAll(scan, text).ok).toBe(false);
    expect(scan.problem).toBe(problem);
  });

  test('with any items, spaces and broken bytes is judged as JSON.parse judges it', () => {
    const scan = new JsonListScanner();
    fc.assert(
      fc.property(
        fc.array(anyValue, { maxLength: 4 }),
        fc.constantFrom('', ' ', '\n'),
        fc.option(fc.tuple(fc.nat(), fc.constantFrom('', ',', '"', ']', '}', '\\', 'x')), {
          nil: undefined,
        }),
        (values, space, change) => {
          let text = `{"metadata":{"resourceVersion":"7"},"items":[${values.map((value) => write(value, space)).join(`,${space}`)}]}`;
          if (change !== undefined) {
            const place = change[0] % text.length;
            text = text.slice(0, place) + change[1] + text.slice(place + 1);
          }
          const { ok, items } = scanAll(scan, text);
          let parsed: { items?: unknown } | undefined;
          try {
            // As the bytes have it: half a surrogate pair does not survive UTF-8.
            parsed = JSON.parse(Buffer.from(text).toString());
          } catch {
            expect(ok, text).toBe(false);
          }
          if (ok) expect(items.map((item) => JSON.parse(item))).toEqual(parsed?.items ?? []);
          if (change === undefined) {
            expect(ok, scan.problem).toBe(true);
            expect(items).toEqual(values.map((value) => write(value, space)));
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});
