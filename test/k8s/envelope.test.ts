import { describe, expect, test } from 'vitest';
import { BookmarkTemplate, eventHeads, eventTail, JsonEnvelope } from '../../src/k8s/envelope.ts';

const pods = { group: '', version: 'v1', plural: 'pods', kind: 'Pod', namespaced: true };
const things = { group: 'g.io', version: 'v1', plural: 'things', kind: 'Thing', namespaced: true };
const builtIn = new JsonEnvelope(pods, false);
const custom = new JsonEnvelope(things, true);

type ListArguments = [revision: number, continueToken: string, remaining: number | undefined];

function list(envelope: JsonEnvelope, items: string, ...meta: ListArguments): string {
  const [revision, continueToken, remaining] = meta;
  const listMeta = { revision, continueToken, remaining };
  return `${envelope.listHead(listMeta).toString()}${items}${envelope.listTail(listMeta).toString()}`;
}

describe('list envelope', () => {
  test.each<[string, ListArguments, string]>([
    [
      '',
      [5, '', undefined],
      '{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"5"},"items":[]}\n',
    ],
    [
      '{}',
      [5, 'abc', undefined],
      '{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"5","continue":"abc"},"items":[{}]}\n',
    ],
    [
      '{},{}',
      [5, 'abc', 7],
      '{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"5","continue":"abc","remainingItemCount":7},"items":[{},{}]}\n',
    ],
  ])('a built-in list is in struct order (%j)', (items, meta, expected) => {
    // prettier-ignore
    expect(list(builtIn, items, ...meta)).toBe(expected);
  });

  test.each<[string, ListArguments, string]>([
    [
      '',
      [5, '', undefined],
      '{"apiVersion":"g.io/v1","items":[],"kind":"ThingList","metadata":{"continue":"","resourceVersion":"5"}}\n',
    ],
    [
      '{}',
      [5, 'abc', 7],
      '{"apiVersion":"g.io/v1","items":[{}],"kind":"ThingList","metadata":{"continue":"abc","remainingItemCount":7,"resourceVersion":"5"}}\n',
    ],
  ])('a custom list has sorted keys and always a continue (%j)', (items, meta, expected) => {
    // prettier-ignore
    expect(list(custom, items, ...meta)).toBe(expected);
  });

  test('a custom list kind is used when it is known', () => {
    const envelope = new JsonEnvelope(things, true, 'ThingCollection');
    expect(list(envelope, '', 5, '', undefined)).toContain('"kind":"ThingCollection"');
  });

  test('an item is the watch object without its kind, or the whole object of a custom resource', () => {
    expect(builtIn.itemSkip.toString()).toBe('"kind":"Pod","apiVersion":"v1",');
    expect(custom.itemSkip.length).toBe(0);
  });

  test('a watch line is head, object, tail', () => {
    expect(`${eventHeads.added}{}${eventTail}`).toBe('{"type":"ADDED","object":{}}\n');
    expect(`${builtIn.eventHeads.modified}{}`).toBe('{"type":"MODIFIED","object":{}');
    expect(`${builtIn.eventHeads.deleted}{}`).toBe('{"type":"DELETED","object":{}');
    expect(`${builtIn.eventHeads.bookmark}{}`).toBe('{"type":"BOOKMARK","object":{}');
  });
});

function template(object: string, revision = '123'): BookmarkTemplate | undefined {
  const bytes = Buffer.from(object);
  const start = bytes.indexOf(`"resourceVersion":"${revision}"`) + '"resourceVersion":"'.length;
  return BookmarkTemplate.from(bytes, start, start + revision.length);
}

const END = '"annotations":{"k8s.io/initial-events-end":"true"}';
const POD_TAIL = '"spec":{"containers":null},"status":{}}';

describe('bookmark template', () => {
  const shapes: [string, string, string][] = [
    [
      'built-in, 1.34 and later',
      `{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"123"},${POD_TAIL}`,
      `{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"123",${END}},${POD_TAIL}`,
    ],
    [
      'built-in, up to 1.33',
      `{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"123","creationTimestamp":null},${POD_TAIL}`,
      `{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"123","creationTimestamp":null,${END}},${POD_TAIL}`,
    ],
    [
      'DaemonSet, whose conversion adds an annotation',
      '{"kind":"DaemonSet","apiVersion":"apps/v1","metadata":{"resourceVersion":"123","annotations":{"deprecated.daemonset.template.generation":"0"}},"spec":{}}',
      '{"kind":"DaemonSet","apiVersion":"apps/v1","metadata":{"resourceVersion":"123","annotations":{"deprecated.daemonset.template.generation":"0","k8s.io/initial-events-end":"true"}},"spec":{}}',
    ],
    [
      'custom resource',
      '{"apiVersion":"g.io/v1","kind":"Thing","metadata":{"resourceVersion":"123"}}',
      `{"apiVersion":"g.io/v1","kind":"Thing","metadata":{${END},"resourceVersion":"123"}}`,
    ],
    [
      'custom resource with a zero time',
      '{"apiVersion":"g.io/v1","kind":"Thing","metadata":{"creationTimestamp":null,"resourceVersion":"123"}}',
      `{"apiVersion":"g.io/v1","kind":"Thing","metadata":{${END},"creationTimestamp":null,"resourceVersion":"123"}}`,
    ],
  ];

  test.each(shapes)('%s: either form of the bookmark gives both', (_name, plain, annotated) => {
    for (const object of [plain, annotated]) {
      const made = template(object);
      const at = (text: string, revision: number): string =>
        `{"type":"BOOKMARK","object":${text.replace('"123"', `"${revision}"`)}}\n`;
      expect(made?.plain(7).toString()).toBe(at(plain, 7));
      expect(made?.initialEventsEnd(98_765).toString()).toBe(at(annotated, 98_765));
    }
  });

  test('the object may lie inside a larger buffer', () => {
    const frame = Buffer.from(`xx${shapes[0][1]}yy`);
    const object = frame.subarray(2, frame.length - 2);
    const start = object.indexOf('123');
    const made = BookmarkTemplate.from(object, start, start + 3);
    expect(made?.plain(123).toString()).toBe(`{"type":"BOOKMARK","object":${shapes[0][1]}}\n`);
  });

  test.each([
    '{"metadata":{"resourceVersion":"123"}}',
    '{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a","resourceVersion":"123"}}',
    '{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"123","labels":{}}}',
    '{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"123","annotations":{"a":"b"}}}',
    '{"apiVersion":"v1","kind":"Thing","metadata":{"annotations":{"a":"b"},"resourceVersion":"123"}}',
    '{"apiVersion":"v1","kind":"Thing","metadata":{"resourceVersion":"123","x":1}}',
  ])('an object of another shape is refused: %s', (object) => {
    expect(template(object)).toBeUndefined();
  });

  test('a span that is no number is refused', () => {
    expect(BookmarkTemplate.from(Buffer.from(shapes[0][1]), 0, 4)).toBeUndefined();
    expect(BookmarkTemplate.from(Buffer.from(shapes[0][1]), 3, 3)).toBeUndefined();
  });
});
