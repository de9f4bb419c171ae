import { describe, expect, test } from 'vitest';
import { jsonEncoding } from '../../src/k8s/encoding-json.ts';
import { protobufEncoding } from '../../src/k8s/encoding-protobuf.ts';
import { StoredObject, type Encoding } from '../../src/k8s/encoding.ts';
import { UidSpan } from '../../src/k8s/uid-span.ts';
import { bytesField, textField } from '../../src/k8s/protobuf-envelope.ts';

const resource = { group: '', version: 'v1', plural: 'pods', kind: 'Pod', namespaced: true };
const uid = 'f05afc76-cc06-4ae3-8c55-8ab1328a3b0d';

function found(encoding: Encoding, custom: boolean, bytes: Buffer): string {
  const codec = encoding.codec({ resource, custom, fields: [], metadataOnly: custom })!;
  const scanner = codec.makeScanner();
  if (!scanner.scanItem(bytes, 0, bytes.length)) throw new Error(scanner.problem);
  const span = new UidSpan(codec);
  span.find(new StoredObject().take(bytes, scanner));
  return bytes.toString('utf8', span.start, span.end);
}

describe('the UID of a stored object', () => {
  test.each([
    ['struct order', { name: 'n', namespace: 'a', uid, resourceVersion: '7', labels: { a: 'b' } }],
    ['sorted keys', { labels: { uid: 'x' }, name: 'n', resourceVersion: '12345', uid }],
    ['the revision first', { resourceVersion: '7', uid, name: 'n' }],
    ['something between', { name: 'n', uid, generation: 1, resourceVersion: '7' }],
    ['an odd UID', { name: 'n', uid: 'short', resourceVersion: '7' }],
    ['an odd UID of that length', { name: 'n', uid: 'x'.repeat(36), resourceVersion: '7' }],
    ['a label that looks like one', { labels: { uid: 'x'.repeat(36) }, resourceVersion: '7', uid }],
    ['none', { name: 'n', resourceVersion: '7' }],
  ])('is found in JSON: %s', (_, metadata: Record<string, unknown>) => {
    const bytes = Buffer.from(JSON.stringify({ kind: 'Pod', apiVersion: 'v1', metadata }));
    expect(found(jsonEncoding, false, bytes)).toBe(metadata.uid ?? '');
  });

  test.each(['', 'short', 'x'.repeat(36), uid])('is found in protobuf: %j', (value) => {
    const texts: readonly [number, string][] = [
      [1, 'n'],
      [2, ''],
      [3, 'a'],
      [4, ''],
      [5, value],
      [6, '1234'],
    ];
    const metadata = Buffer.concat(texts.map(([number, text]) => textField(number, text)));
    expect(found(protobufEncoding, true, bytesField(1, metadata))).toBe(value);
  });
});
