import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  EVENT_ADDED,
  EVENT_BOOKMARK,
  EVENT_DELETED,
  EVENT_ERROR,
  EVENT_MODIFIED,
  JsonScanner,
} from '../../src/k8s/scan-json.ts';
import { anyValue, apiObject, lastAt, type Value, write } from './scan-documents.ts';

const FIELDS = [{ path: ['spec', 'nodeName'] }, { path: ['status', 'phase'] }];
const RUNS = Number(process.env['WATERSHED_FUZZ_RUNS'] ?? 2000);

/** What broken documents are broken with. */
const PIECES = [
  '',
  '"',
  '\\',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '0',
  '-',
  '.',
  'e',
  't',
  'null',
].concat(['\u0000', '\u001f', '\n', ' ', 'é', '\\u', '\\ud800', '\ufeff', '/']);

function event(type: string, object: unknown): Buffer {
  return Buffer.from(JSON.stringify({ type, object }));
}

function slice(bytes: Buffer, start: number, end: number): string {
  return bytes.toString('utf8', start, end);
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The bytes a scanner must report for a leaf: the inside of a string's quotes. */
function inside(value: Value | undefined): string {
  return value?.kind === 'text' ? write(value).slice(1, -1) : '';
}

function fieldText(value: Value | undefined): string {
  if (value?.kind === 'text') return inside(value);
  return value?.kind === 'raw' && value.text !== 'null' ? value.text : '';
}

describe('an event', () => {
  test('is taken apart by offsets', () => {
    const bytes = event('MODIFIED', {
      kind: 'Pod',
      apiVersion: 'v1',
      metadata: {
        name: 'web-1',
        namespace: 'shop',
        uid: 'u-1',
        resourceVersion: '42',
        labels: { app: 'web', nodeName: 'not me' },
        annotations: { nodeName: 'nor me', note: '{"spec":{"nodeName":"x"}}' },
      },
      spec: { template: { spec: { nodeName: 'not this' } }, nodeName: 'n-7' },
      status: { phase: 'Running' },
    });
    const padded = Buffer.concat([Buffer.from('}{'), bytes, Buffer.from('\n"')]);
    const scan = new JsonScanner(FIELDS);
    expect(scan.scanEvent(padded, 2, 2 + bytes.length)).toBe(true);
    expect(scan.eventType).toBe(EVENT_MODIFIED);
    expect(JSON.parse(slice(padded, scan.objectStart, scan.objectEnd))).toEqual(
      JSON.parse(bytes.toString()).object,
    );
    expect(slice(padded, scan.nameStart, scan.nameEnd)).toBe('web-1');
    expect(slice(padded, scan.namespaceStart, scan.namespaceEnd)).toBe('shop');
    expect(slice(padded, scan.uidStart, scan.uidEnd)).toBe('u-1');
    expect(slice(padded, scan.revisionStart, scan.revisionEnd)).toBe('42');
    expect(slice(padded, scan.labelsStart, scan.labelsEnd)).toBe(
      '{"app":"web","nodeName":"not me"}',
    );
    expect(slice(padded, scan.metadataStart, scan.metadataEnd)).toMatch(/^\{"name":.*\}\}$/);
    expect(slice(padded, scan.fieldStarts[0], scan.fieldEnds[0])).toBe('n-7');
    expect(slice(padded, scan.fieldStarts[1], scan.fieldEnds[1])).toBe('Running');
    expect(scan.escaped).toBe(false);
    expect(scan.fieldsEscaped).toBe(false);
    expect(scan.initialEventsEnd).toBe(false);
  });

  test.each([
    ['ADDED', EVENT_ADDED],
    ['MODIFIED', EVENT_MODIFIED],
    ['DELETED', EVENT_DELETED],
    ['BOOKMARK', EVENT_BOOKMARK],
    ['ERROR', EVENT_ERROR],
  ])('of type %s has its number', (type, number) => {
    const scan = new JsonScanner();
    const bytes = event(type, { metadata: {} });
    expect(scan.scanEvent(bytes, 0, bytes.length)).toBe(true);
    expect(scan.eventType).toBe(number);
  });

  test('may write its type with escapes', () => {
    const scan = new JsonScanner();
    const bytes = Buffer.from('{"type":"\\u0041DDED","object":{}}');
    expect(scan.scanEvent(bytes, 0, bytes.length)).toBe(true);
    expect(scan.eventType).toBe(EVENT_ADDED);
  });

  test.each([
    ['{"type":"ADDED"}', 'the event has no object'],
    ['{"type":"ADDED","object":5}', 'the event has no object'],
    ['{"object":{}}', 'the event has no known type'],
    ['{"type":"RENAMED","object":{}}', 'the event has no known type'],
    ['{"type":1,"object":{}}', 'the event has no known type'],
    ['{"type":"\\\\","object":{}}', 'the event has no known type'],
    ['{"type":"ADDED","object":{"metadata":[]}}', 'metadata is not an object'],
    ['[]', 'not an object'],
    ['', 'truncated'],
    ['  ', 'truncated'],
    ['{"type":"ADDED","object":{}}{}', 'text behind the document'],
    ['{"type":"ADDED","object":{}', 'truncated'],
    ['{"type":"ADDED","object":{"a":"\n"}}', 'control character in a string'],
    ['{"type":"ADDED","object":{"a":"\\x"}}', 'bad escape'],
    ['{"type":"ADDED","object":{"a":"\\u00g0"}}', 'bad escape'],
    ['{"type":"ADDED","object":{"a":01}}', 'unexpected byte'],
    ['{"type":"ADDED","object":{"a":1.}}', 'bad number'],
    ['{"type":"ADDED","object":{"a":tru3}}', 'bad literal'],
    ['{"type":"ADDED","object":{"a":[1,]}}', 'unexpected byte'],
    ['{"type":"ADDED","object":{"a":1,}}', 'unexpected byte'],
    ['{"type":"ADDED","object":{"a":[1}]}', 'unexpected byte'],
  ])('%j is refused: %s', (text, problem) => {
    const scan = new JsonScanner();
    const bytes = Buffer.from(text);
    expect(scan.scanEvent(bytes, 0, bytes.length)).toBe(false);
    expect(scan.problem).toBe(problem);
  });

  test('of type ERROR gives the Status behind it', () => {
    const scan = new JsonScanner();
    const bytes = event('ERROR', {
      kind: 'Status',
      metadata: {},
      message: 'too old resource version: 1 (5)',
      reason: 'Expired',
      details: { retryAfterSeconds: 7 },
      code: 410,
    });
    expect(scan.scanEvent(bytes, 0, bytes.length)).toBe(true);
    expect(scan.statusCode).toBe(410);
    expect(scan.statusRetryAfterSeconds).toBe(7);
    expect(slice(bytes, scan.statusReasonStart, scan.statusReasonEnd)).toBe('Expired');
    expect(slice(bytes, scan.statusMessageStart, scan.statusMessageEnd)).toBe(
      'too old resource version: 1 (5)',
    );
  });

  test('with two objects means the second one alone', () => {
    const scan = new JsonScanner(FIELDS);
    const bytes = Buffer.from(
      '{"object":{"metadata":{"name":"a"},"spec":{"nodeName":"n"}},"type":"ADDED","object":{"metadata":{"uid":"u"}}}',
    );
    expect(scan.scanEvent(bytes, 0, bytes.length)).toBe(true);
    expect(slice(bytes, scan.objectStart, scan.objectEnd)).toBe('{"metadata":{"uid":"u"}}');
    expect(scan.nameEnd - scan.nameStart).toBe(0);
    expect(scan.fieldEnds[0]).toBe(scan.fieldStarts[0]);
  });

  test('leaves nothing behind for the next scan', () => {
    const scan = new JsonScanner(FIELDS);
    const full = event('ADDED', {
      metadata: {
        name: 'é',
        namespace: 'b',
        uid: 'c',
        resourceVersion: '1',
        labels: {},
        annotations: { 'k8s.io/initial-events-end': 'true' },
      },
      spec: { nodeName: 'a"b' },
      code: 5,
    });
    expect(scan.scanEvent(full, 0, full.length)).toBe(true);
    expect([scan.escaped, scan.fieldsEscaped, scan.initialEventsEnd]).toEqual([true, true, true]);
    const bare = event('ERROR', {});
    expect(scan.scanEvent(bare, 0, bare.length)).toBe(true);
    expect([scan.escaped, scan.fieldsEscaped, scan.initialEventsEnd]).toEqual([
      false,
      false,
      false,
    ]);
    expect([scan.nameEnd, scan.uidEnd, scan.labelsEnd, scan.statusCode]).toEqual([0, 0, 0, 0]);
    expect([...scan.fieldEnds]).toEqual([0, 0]);
  });
});

describe('nesting', () => {
  test.each([
    ['arrays', '[', ']'],
    ['objects', '{"a":', '}'],
  ])('of %s is taken up to the bound and refused behind it', (_name, open, close) => {
    const scan = new JsonScanner([], { maxDepth: 20 });
    const nested = (depth: number): Buffer =>
      Buffer.from(`{"x":${open.repeat(depth)}${open === '[' ? '' : '1'}${close.repeat(depth)}}`);
    const fits = nested(19);
    expect(scan.scanObject(fits, 0, fits.length)).toBe(true);
    const deep = nested(20);
    expect(scan.scanObject(deep, 0, deep.length)).toBe(false);
    expect(scan.problem).toBe('too deep');
  });

  test('on a path is bounded too', () => {
    const scan = new JsonScanner([{ path: ['a', 'b', 'c'] }], { maxDepth: 2 });
    const bytes = Buffer.from('{"a":{"b":{"c":"d"}}}');
    expect(scan.scanObject(bytes, 0, bytes.length)).toBe(false);
    expect(scan.problem).toBe('too deep');
  });

  test('of a million brackets is refused at once', () => {
    const scan = new JsonScanner();
    const bytes = Buffer.from(`{"a":${'['.repeat(1_000_000)}`);
    expect(scan.scanObject(bytes, 0, bytes.length)).toBe(false);
    expect(scan.problem).toBe('too deep');
  });
});

describe('fuzz', () => {
  test('a scan says yes exactly where JSON.parse does, on legal documents', () => {
    const scan = new JsonScanner(FIELDS);
    fc.assert(
      fc.property(anyValue, fc.constantFrom('', ' ', '\n\t \r'), (value, space) => {
        const text = `{"a":${write(value, space)}}${space}`;
        expect(parses(text)).toBe(true);
        const bytes = Buffer.from(text);
        expect(scan.scanObject(bytes, 0, bytes.length), scan.problem).toBe(true);
      }),
      { numRuns: RUNS },
    );
  });

  test('every place found holds what the document says, whatever the order, twins, escapes and space', () => {
    const scan = new JsonScanner(FIELDS);
    fc.assert(
      fc.property(
        apiObject,
        fc.constantFrom('', ' ', '\n\t'),
        fc.nat({ max: 5 }),
        fc.boolean(),
        (object, space, pad, asEvent) => {
          const written = write(object, space);
          const document = asEvent
            ? `{"type":"DELETED",${space}"object":${space}${written}}`
            : written;
          const bytes = Buffer.from(`${'"'.repeat(pad)}${document}"\\`);
          const end = bytes.length - 2;
          const ok = asEvent ? scan.scanEvent(bytes, pad, end) : scan.scanObject(bytes, pad, end);
          const twins = metadataValues(object);
          if (twins.some((value) => value.kind !== 'object')) {
            expect(ok).toBe(false);
            return;
          }
          expect(ok, scan.problem).toBe(true);
          expectPlaces(scan, bytes, object, space);
        },
      ),
      { numRuns: RUNS },
    );
  });

  test('a scan says no wherever JSON.parse throws, on broken documents', () => {
    const scan = new JsonScanner(FIELDS, { maxDepth: 4096 });
    let broken = 0;
    fc.assert(
      fc.property(
        apiObject,
        fc.array(
          fc.record({
            at: fc.nat(),
            cut: fc.nat({ max: 3 }),
            put: fc.constantFrom(...PIECES),
          }),
          { minLength: 1, maxLength: 3 },
        ),
        (object, changes) => {
          let text = write(object);
          for (const { at, cut, put } of changes) {
            const place = at % (text.length + 1);
            text = text.slice(0, place) + put + text.slice(place + cut);
          }
          const bytes = Buffer.from(text);
          const ok = scan.scanObject(bytes, 0, bytes.length);
          if (!parses(bytes.toString())) {
            broken++;
            expect(ok, text).toBe(false);
            expect(scan.problem).not.toBe('');
          } else if (!ok) {
            expect(['not an object', 'metadata is not an object'], text).toContain(scan.problem);
          }
        },
      ),
      { numRuns: RUNS },
    );
    expect(broken).toBeGreaterThan(RUNS / 4);
  });

  test('every truncation of an object is refused', () => {
    const scan = new JsonScanner(FIELDS);
    fc.assert(
      fc.property(apiObject, (object) => {
        const bytes = Buffer.from(write(object));
        let taken = 0;
        for (let end = 0; end < bytes.length; end++) {
          if (scan.scanObject(bytes, 0, end)) taken++;
        }
        expect(taken).toBe(0);
      }),
      { numRuns: RUNS / 10 },
    );
  });

  test('random bytes are never taken for JSON that JSON.parse refuses', () => {
    const scan = new JsonScanner(FIELDS);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (noise) => {
        const bytes = Buffer.concat([Buffer.from('{"a":"'), noise, Buffer.from('"}')]);
        const ok = scan.scanObject(bytes, 0, bytes.length);
        expect(ok).toBe(parses(bytes.toString()));
      }),
      { numRuns: RUNS },
    );
  });
});

function metadataValues(object: Value): Value[] {
  if (object.kind !== 'object') return [];
  return object.members.filter(({ key }) => key === 'metadata').map(({ value }) => value);
}

function expectPlaces(scan: JsonScanner, bytes: Buffer, object: Value, space: string): void {
  const at = (...path: string[]): Value | undefined => lastAt(object, path);
  expect(slice(bytes, scan.objectStart, scan.objectEnd)).toBe(write(object, space));
  const metadata = metadataValues(object).at(-1);
  expect(slice(bytes, scan.metadataStart, scan.metadataEnd)).toBe(
    metadata === undefined ? '' : write(metadata, space),
  );
  const name = inside(at('metadata', 'name'));
  const namespace = inside(at('metadata', 'namespace'));
  expect(slice(bytes, scan.nameStart, scan.nameEnd)).toBe(name);
  expect(slice(bytes, scan.namespaceStart, scan.namespaceEnd)).toBe(namespace);
  expect(slice(bytes, scan.uidStart, scan.uidEnd)).toBe(inside(at('metadata', 'uid')));
  expect(slice(bytes, scan.revisionStart, scan.revisionEnd)).toBe(
    inside(at('metadata', 'resourceVersion')),
  );
  const labels = at('metadata', 'labels');
  expect(slice(bytes, scan.labelsStart, scan.labelsEnd)).toBe(
    labels?.kind === 'object' ? write(labels, space) : '',
  );
  const mark = at('metadata', 'annotations', 'k8s.io/initial-events-end');
  expect(scan.initialEventsEnd).toBe(mark?.kind === 'text' && mark.text === 'true');
  const nodeName = fieldText(at('spec', 'nodeName'));
  const phase = fieldText(at('status', 'phase'));
  expect(slice(bytes, scan.fieldStarts[0], scan.fieldEnds[0])).toBe(nodeName);
  expect(slice(bytes, scan.fieldStarts[1], scan.fieldEnds[1])).toBe(phase);
  const foreign = (text: string): boolean =>
    text.includes('\\') || Buffer.from(text).some((byte) => byte >= 0x80);
  expect(scan.escaped).toBe(foreign(name) || foreign(namespace));
  expect(scan.fieldsEscaped).toBe(nodeName.includes('\\') || phase.includes('\\'));
}
