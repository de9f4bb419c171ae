// What a real kube-apiserver answered, taken apart and put together again: lists, watches, single
// objects and PartialObjectMetadata in both encodings, byte for byte.

import { describe, expect, test } from 'vitest';
import { AS_STORED, StoredObject } from '../../src/k8s/encoding.ts';
import type { Codec, Encoding, ObjectForm, Scanner } from '../../src/k8s/encoding.ts';
import { jsonEncoding } from '../../src/k8s/encoding-json.ts';
import { protobufEncoding } from '../../src/k8s/encoding-protobuf.ts';
import { parseLabelSelector } from '../../src/k8s/label-selector.ts';
import type { Resource } from '../../src/k8s/resource.ts';
import { parseRevisionBytes } from '../../src/k8s/revision.ts';
import {
  EVENT_ADDED,
  EVENT_BOOKMARK,
  EVENT_DELETED,
  EVENT_ERROR,
  EVENT_MODIFIED,
} from '../../src/k8s/scan-json.ts';
import { selectableFields } from '../../src/k8s/selectable-fields.ts';
import { recorded, recording } from './protobuf-recordings/read.ts';

function resource(group: string, plural: string, kind: string, namespaced = true): Resource {
  return { group, version: 'v1', plural, kind, namespaced };
}

const configMaps = resource('', 'configmaps', 'ConfigMap');
const pods = resource('', 'pods', 'Pod');
const resources = [
  resource('', 'namespaces', 'Namespace', false),
  resource('', 'nodes', 'Node', false),
  pods,
  configMaps,
  resource('', 'secrets', 'Secret'),
  resource('', 'services', 'Service'),
  resource('', 'replicationcontrollers', 'ReplicationController'),
  resource('coordination.k8s.io', 'leases', 'Lease'),
  resource('apps', 'deployments', 'Deployment'),
  resource('batch', 'jobs', 'Job'),
  resource('certificates.k8s.io', 'certificatesigningrequests', 'CertificateSigningRequest', false),
  resource('resource.k8s.io', 'resourceslices', 'ResourceSlice', false),
];
const encodings = [jsonEncoding, protobufEncoding];
const forms = ['objects', 'metadata'] as const;
const cases = encodings.flatMap((encoding) =>
  resources.map((each) => ({ encoding, resource: each, name: encoding.name, plural: each.plural })),
);

function codecOf(encoding: Encoding, of: Resource, metadataOnly = false): Codec {
  const fields = metadataOnly ? [] : selectableFields(of);
  const codec = encoding.codec({ resource: of, custom: false, fields, metadataOnly });
  if (codec === undefined) throw new Error(`${of.plural} in ${encoding.name}`);
  return codec;
}

function formName(encoding: Encoding, form: 'objects' | 'metadata'): string {
  return `${encoding === jsonEncoding ? 'json' : 'pb'}${form === 'metadata' ? '-metadata' : ''}`;
}

function formOf(codec: Codec, form: 'objects' | 'metadata'): ObjectForm {
  const found = codec[form];
  if (found === undefined) throw new Error(form);
  return found;
}

function must(scanned: boolean, scanner: Scanner): void {
  if (!scanned) throw new Error(scanner.problem);
}

interface List {
  readonly objects: readonly StoredObject[];
  readonly revision: number;
  readonly continueToken: string;
}

/** The stored objects of a list, made from its items as a load does it. */
function takeList(codec: Codec, body: Buffer): List {
  const list = codec.encoding.makeListCursor();
  const scanner = codec.makeScanner();
  const objects: StoredObject[] = [];
  list.open(body, 0, body.length);
  while (list.next()) {
    const item = body.subarray(list.itemStart, list.itemEnd);
    const stored = Buffer.concat([item.subarray(0, 1), codec.itemPrefix, item.subarray(1)]);
    must(scanner.scanItem(stored, 0, stored.length), scanner);
    objects.push(new StoredObject().take(stored, scanner));
  }
  expect(list.problem).toBe('');
  expect(list.items).toBe(objects.length);
  const revision = parseRevisionBytes(body, list.revisionStart, list.revisionEnd);
  return { objects, revision, continueToken: list.continueToken };
}

interface Event {
  readonly type: number;
  readonly object: StoredObject;
  readonly name: string;
  readonly revision: number;
  readonly initialEventsEnd: boolean;
  readonly labels: Buffer;
}

function takeWatch(codec: Codec, body: Buffer): Event[] {
  const scanner = codec.makeScanner();
  const frames = codec.encoding.makeFrames(1 << 20);
  const events: Event[] = [];
  frames.push(body, (bytes, start, end) => {
    must(scanner.scanEvent(bytes, start, end), scanner);
    events.push({
      type: scanner.eventType,
      object: new StoredObject().take(bytes, scanner),
      name: codec.encoding.text(bytes, scanner.nameStart, scanner.nameEnd),
      revision: parseRevisionBytes(bytes, scanner.revisionStart, scanner.revisionEnd),
      initialEventsEnd: scanner.initialEventsEnd,
      labels: Buffer.from(bytes.subarray(scanner.labelsStart, scanner.labelsEnd)),
    });
  });
  expect(frames.finish()).toBe(0);
  return events;
}

function event(form: ObjectForm, type: number, object: StoredObject): Buffer {
  const bytes = Buffer.alloc(form.eventBytes(type, object) + 1);
  const end = form.writeEvent(type, object, bytes, 0);
  expect(end).toBe(bytes.length - 1);
  return bytes.subarray(0, end);
}

function wholeList(form: ObjectForm, list: List, remaining?: number): Buffer {
  const items = list.objects.map((object, index) => {
    const bytes = Buffer.alloc(form.itemBytes(object, index));
    expect(form.writeItem(object, index, bytes, 0)).toBe(bytes.length);
    return bytes;
  });
  const itemsBytes = items.reduce((sum, item) => sum + item.length, 0);
  const meta = { revision: list.revision, continueToken: list.continueToken, remaining };
  return Buffer.concat([form.listHead(meta, itemsBytes), ...items, form.listTail(meta)]);
}

describe.each(cases)('$name $plural as kube-apiserver sends them', ({ encoding, resource: of }) => {
  const codec = codecOf(encoding, of);
  const full = formName(encoding, 'objects');
  const list = takeList(codec, recorded(`${of.plural}/list`, full));

  test('a watch tells the stored objects that a list holds', () => {
    const events = takeWatch(codec, recorded(`${of.plural}/watch`, full));
    const told = events.filter(({ type }) => type === EVENT_ADDED);
    const text = ({ bytes, start, end }: StoredObject): string =>
      bytes.toString('latin1', start, end);
    expect(told.map(({ object }) => text(object)).toSorted()).toEqual(
      list.objects.map(text).toSorted(),
    );
    expect(events.at(-1)).toMatchObject({ type: EVENT_BOOKMARK, initialEventsEnd: true });
  });

  test.each(forms)('%s: the list is put together from its items', (form) => {
    const body = recorded(`${of.plural}/list`, formName(encoding, form));
    expect(wholeList(formOf(codec, form), list)).toEqual(body);
  });

  test.each(forms)('%s: the watch is put together from stored objects', (form) => {
    const events = takeWatch(codec, recorded(`${of.plural}/watch`, full));
    const out = formOf(codec, form);
    const mark = events.at(-1)!;
    const lines = events.slice(0, -1).map(({ type, object }) => event(out, type, object));
    const bookmarks = out.bookmarks(mark.object)!;
    const name = formName(encoding, form);
    expect(recording(`${of.plural}/watch`, name).contentType).toBe(encoding.watchContentType);
    expect(Buffer.concat([...lines, bookmarks.initialEventsEnd(mark.revision)])).toEqual(
      recorded(`${of.plural}/watch`, name),
    );
  });

  test.each(forms)('%s: a single object is the stored one in its envelope', (form) => {
    const out = formOf(codec, form);
    const object = list.objects[0];
    const bytes = Buffer.alloc(out.objectBytes(object));
    expect(out.writeObject(object, bytes, 0)).toBe(bytes.length);
    const name = formName(encoding, form);
    expect(recording(`${of.plural}/get`, name).contentType).toBe(encoding.contentType);
    expect(bytes).toEqual(recorded(`${of.plural}/get`, name));
  });

  test('a stand-alone object is scanned', () => {
    const body = recorded(`${of.plural}/get`, full);
    const scanner = codec.makeScanner();
    must(scanner.scanObject(body, 0, body.length), scanner);
    const { bytes, start, end } = list.objects[0];
    expect(body.subarray(scanner.objectStart, scanner.objectEnd)).toEqual(
      bytes.subarray(start, end),
    );
  });

  test('a lane of upstream’s own PartialObjectMetadata puts its answers together', () => {
    const own = codecOf(encoding, of, true);
    const name = formName(encoding, 'metadata');
    const body = recorded(`${of.plural}/list`, name);
    expect(wholeList(own.objects, takeList(own, body))).toEqual(body);
    const watched = recorded(`${of.plural}/watch`, name);
    const events = takeWatch(own, watched);
    const mark = events.at(-1)!;
    const lines = events.slice(0, -1).map(({ type, object }) => event(own.objects, type, object));
    lines.push(own.objects.bookmarks(mark.object)!.initialEventsEnd(mark.revision));
    expect(Buffer.concat(lines)).toEqual(watched);
  });
});

describe.each(encodings)('$name special answers', (encoding) => {
  const full = formName(encoding, 'objects');

  test('a page says where to go on and how much is left', () => {
    const codec = codecOf(encoding, configMaps);
    const page = takeList(codec, recorded('limit/list', full));
    const all = takeList(codec, recorded('configmaps/list', full));
    expect(page.continueToken).not.toBe('');
    const left = all.objects.length - 1;
    expect(wholeList(codec.objects, page, left)).toEqual(recorded('limit/list', full));
  });

  test('an empty list', () => {
    const codec = codecOf(encoding, pods);
    const list = takeList(codec, recorded('empty/list', full));
    expect(wholeList(codec.objects, list)).toEqual(recorded('empty/list', full));
  });

  test.each(forms)('%s: a filtered watch follows from an unfiltered one', (form) => {
    const codec = codecOf(encoding, configMaps);
    const out = formOf(codec, form);
    const red = encoding.labelTest(parseLabelSelector('color=red')!);
    const before = new Map<string, Event>();
    const lines: Buffer[] = [];
    let left = 0;
    let longer = 0;
    for (const now of takeWatch(codec, recorded('live/all', full))) {
      const was = before.get(now.name);
      const did = was !== undefined && red.matches(was.labels, 0, was.labels.length);
      const does = now.type !== EVENT_DELETED && red.matches(now.labels, 0, now.labels.length);
      before.set(now.name, now);
      if (does) lines.push(event(out, did ? EVENT_MODIFIED : EVENT_ADDED, now.object));
      else if (did && now.type === EVENT_DELETED) lines.push(event(out, EVENT_DELETED, now.object));
      else if (did) {
        const stored = was.object.revisionEnd - was.object.revisionStart;
        if (String(now.revision).length > stored) longer++;
        was.object.revision = now.revision;
        lines.push(event(out, EVENT_DELETED, was.object));
        const restated = codec.restate(was.object);
        was.object.revision = AS_STORED;
        const scanner = codec.makeScanner();
        must(scanner.scanItem(restated, 0, restated.length), scanner);
        expect(event(out, EVENT_DELETED, new StoredObject().take(restated, scanner))).toEqual(
          lines.at(-1),
        );
        left++;
      }
    }
    expect({ left, longer }).toEqual({ left: 2, longer: 1 });
    expect(Buffer.concat(lines)).toEqual(recorded('live/red', formName(encoding, form)));
  });

  test('changes and deletions are put together from stored objects', () => {
    const codec = codecOf(encoding, configMaps);
    const events = takeWatch(codec, recorded('live/all', full));
    expect(new Set(events.map(({ type }) => type)).size).toBe(3);
    const lines = events.map(({ type, object }) => event(codec.objects, type, object));
    expect(Buffer.concat(lines)).toEqual(recorded('live/all', full));
  });

  test.each(['not-found', 'unauthorized', 'forbidden', 'too-large', 'invalid'])(
    'the error %s is written from its JSON',
    (name) => {
      const { status, contentType } = recording(`error/${name}`, full);
      const body = recorded(`error/${name}`, 'json');
      expect(contentType).toBe(encoding.contentType);
      expect(encoding.statusBody({ code: status, body })).toEqual(recorded(`error/${name}`, full));
      const { message } = JSON.parse(body.toString()) as { message: string };
      expect(encoding.statusMessage(recorded(`error/${name}`, full))).toBe(message);
    },
  );

  test('an ERROR event is read, and written from its JSON', () => {
    const codec = codecOf(encoding, configMaps);
    const body = recorded('error/expired-watch', full);
    const scanner = codec.makeScanner();
    codec.encoding.makeFrames(1 << 20).push(body, (bytes, start, end) => {
      must(scanner.scanEvent(bytes, start, end), scanner);
      expect(scanner.eventType).toBe(EVENT_ERROR);
      expect(scanner.statusCode).toBe(410);
      const message = encoding.text(bytes, scanner.statusMessageStart, scanner.statusMessageEnd);
      expect(message).toMatch(/^too old resource version: 1 \(\d+\)$/);
      const reason = encoding.text(bytes, scanner.statusReasonStart, scanner.statusReasonEnd);
      expect(reason).toBe('Expired');
    });
    const line = JSON.parse(recorded('error/expired-watch', 'json').toString()) as {
      object: unknown;
    };
    const status = { code: 410, body: Buffer.from(`${JSON.stringify(line.object)}\n`) };
    expect(encoding.errorEvent(status)).toEqual(body);
  });

  test('bookmarks are made from one with and from one without the mark', () => {
    const codec = codecOf(encoding, pods);
    const mark = takeWatch(codec, recorded('pods/watch', full)).at(-1)!;
    const from = codec.objects.bookmarks(mark.object)!;
    const [plain] = takeWatch(codec, from.plain(9_999_999));
    expect(plain).toMatchObject({ type: EVENT_BOOKMARK, revision: 9_999_999 });
    expect(plain.initialEventsEnd).toBe(false);
    const again = codec.objects.bookmarks(plain.object)!;
    expect(again.plain(7)).toEqual(from.plain(7));
    expect(again.initialEventsEnd(12_345)).toEqual(from.initialEventsEnd(12_345));
    expect(takeWatch(codec, again.initialEventsEnd(12_345))[0].initialEventsEnd).toBe(true);
  });

  test('an object that is no bookmark is no template', () => {
    const codec = codecOf(encoding, pods);
    const [pod] = takeWatch(codec, recorded('pods/watch', full));
    expect(codec.objects.bookmarks(pod.object)).toBeUndefined();
  });
});

describe('selectable fields', () => {
  const withFields = resources.filter((each) => selectableFields(each).length > 0);

  test.each(withFields)('of $plural have the values they have in JSON', (of) => {
    const fields = selectableFields(of);
    const codec = codecOf(protobufEncoding, of);
    const twins = JSON.parse(recorded(`${of.plural}/list`, 'json').toString()) as {
      items: unknown[];
    };
    const { objects } = takeList(codec, recorded(`${of.plural}/list`, 'pb'));
    const scanner = codec.makeScanner();
    let set = 0;
    for (const [index, { bytes, start, end }] of objects.entries()) {
      must(scanner.scanItem(bytes, start, end), scanner);
      for (const [k, field] of fields.entries()) {
        let json: unknown = twins.items[index];
        for (const key of field.path) json = (json as Record<string, unknown> | undefined)?.[key];
        const [from, to] = [scanner.fieldStarts[k], scanner.fieldEnds[k]];
        const value = from === to ? codec.fieldValue(k, field.missing) : bytes.subarray(from, to);
        expect(value, field.name).toEqual(codec.fieldValue(k, String(json ?? field.missing)));
        if (json !== undefined) set++;
      }
    }
    expect(set).toBeGreaterThan(0);
  });

  test('metadata places agree with JSON', () => {
    for (const of of resources) {
      const codec = codecOf(protobufEncoding, of);
      const scanner = codec.makeScanner();
      const twins = JSON.parse(recorded(`${of.plural}/list`, 'json').toString()) as {
        items: { metadata: Record<string, unknown> }[];
      };
      const { objects } = takeList(codec, recorded(`${of.plural}/list`, 'pb'));
      for (const [index, { bytes, start, end }] of objects.entries()) {
        must(scanner.scanItem(bytes, start, end), scanner);
        const text = (from: number, to: number): string => bytes.toString('utf8', from, to);
        const { metadata } = twins.items[index];
        expect(text(scanner.nameStart, scanner.nameEnd)).toBe(metadata['name']);
        expect(text(scanner.namespaceStart, scanner.namespaceEnd)).toBe(
          metadata['namespace'] ?? '',
        );
        expect(text(scanner.uidStart, scanner.uidEnd)).toBe(metadata['uid']);
        expect(text(scanner.revisionStart, scanner.revisionEnd)).toBe(metadata['resourceVersion']);
        expect(scanner.labelsEnd > scanner.labelsStart).toBe(metadata['labels'] !== undefined);
      }
    }
  });
});

test('custom resources and unknown fields have no protobuf codec', () => {
  const options = { resource: configMaps, fields: [] };
  expect(protobufEncoding.codec({ ...options, custom: true })).toBeUndefined();
  const fields = [{ name: 'spec.new', path: ['spec', 'new'], missing: '', indexed: false }];
  expect(protobufEncoding.codec({ ...options, custom: false, fields })).toBeUndefined();
});
