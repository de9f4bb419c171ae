// What a real kube-apiserver answered, taken apart and put together again: lists, watches, single
// objects and PartialObjectMetadata in both encodings, byte for byte.

import { describe, expect, test } from 'vitest';
import { AS_STORED, StoredObject } from '../../src/k8s/encoding.ts';
import type { Codec, Encoding, ObjectForm } from '../../src/k8s/encoding.ts';
import { jsonEncoding } from '../../src/k8s/encoding-json.ts';
import { protobufEncoding } from '../../src/k8s/encoding-protobuf.ts';
import { parseLabelSelector } from '../../src/k8s/label-selector.ts';
import type { Resource } from '../../src/k8s/resource.ts';
import {
  EVENT_ADDED,
  EVENT_BOOKMARK,
  EVENT_DELETED,
  EVENT_ERROR,
  EVENT_MODIFIED,
} from '../../src/k8s/scan-json.ts';
import { selectableFields } from '../../src/k8s/selectable-fields.ts';
import { recorded, recording } from './protobuf-recordings/read.ts';
import {
  type Event,
  event,
  must,
  takeList,
  takeWatch,
  wholeList,
} from './protobuf-recordings/take.ts';

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

/** What kube-apiserver v1.36.3 ends the initial events of an empty watch of DaemonSets with. */
const DAEMON_SETS_END =
  '000000e40a08424f4f4b4d41524b12d7010ad4016b3873000a140a07617070732f763112094461656d6f6e53657412b3010a650a0012001a0022002a00320331393838004200622d0a28646570726563617465642e6461656d6f6e7365742e74656d706c6174652e67656e65726174696f6e12013062210a196b38732e696f2f696e697469616c2d6576656e74732d656e64120474727565123812300a100a0012001a0022002a00320038004200121c1a00320042004a0052005800600068008201008a01009a0100c201001a020a0020001a10080010001800200028003000380040001a002200';

test('the bookmark of DaemonSets keeps the annotation that their conversion adds', () => {
  const codec = codecOf(protobufEncoding, resource('apps', 'daemonsets', 'DaemonSet'));
  const body = Buffer.from(DAEMON_SETS_END, 'hex');
  const [mark] = takeWatch(codec, body);
  const from = codec.objects.bookmarks(mark.object)!;
  expect(from.initialEventsEnd(198)).toEqual(body);
  const plain = from.plain(98_765);
  expect(plain.includes('deprecated.daemonset.template.generation')).toBe(true);
  expect(plain.includes('initial-events-end')).toBe(false);
  const again = codec.objects.bookmarks(takeWatch(codec, plain)[0].object)!;
  expect(again.initialEventsEnd(198)).toEqual(body);
  expect(again.plain(98_765)).toEqual(plain);
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

describe.each(encodings)('$name custom resources', (encoding) => {
  const widgets = resource('demo.watershed.dev', 'widgets', 'Widget');

  test('have their own PartialObjectMetadata', () => {
    const options = { resource: widgets, custom: true, fields: [], metadataOnly: true };
    const codec = encoding.codec(options)!;
    const name = formName(encoding, 'metadata');
    expect(codec.acceptList).toContain('as=PartialObjectMetadataList');
    const list = takeList(codec, recorded('widgets/list', name));
    expect(list.objects).toHaveLength(2);
    expect(wholeList(codec.objects, list)).toEqual(recorded('widgets/list', name));
    const events = takeWatch(codec, recorded('widgets/watch', name));
    const mark = events.at(-1)!;
    const lines = events.slice(0, -1).map(({ type, object }) => event(codec.objects, type, object));
    lines.push(codec.objects.bookmarks(mark.object)!.initialEventsEnd(mark.revision));
    expect(Buffer.concat(lines)).toEqual(recorded('widgets/watch', name));
  });
});

test('a custom resource in JSON is put together with its own keys', () => {
  const widgets = resource('demo.watershed.dev', 'widgets', 'Widget');
  const codec = jsonEncoding.codec({ resource: widgets, custom: true, fields: [] })!;
  expect(codec.metadata).toBeUndefined();
  const body = recorded('widgets/list', 'json');
  expect(wholeList(codec.objects, takeList(codec, body))).toEqual(body);
  const events = takeWatch(codec, recorded('widgets/watch', 'json'));
  const mark = events.at(-1)!;
  const lines = events.slice(0, -1).map(({ type, object }) => event(codec.objects, type, object));
  lines.push(codec.objects.bookmarks(mark.object)!.initialEventsEnd(mark.revision));
  expect(Buffer.concat(lines)).toEqual(recorded('widgets/watch', 'json'));
});

test('custom resources and unknown fields have no protobuf codec', () => {
  const options = { resource: configMaps, fields: [] };
  expect(protobufEncoding.codec({ ...options, custom: true })).toBeUndefined();
  const fields = [{ name: 'spec.new', path: ['spec', 'new'], missing: '', indexed: false }];
  expect(protobufEncoding.codec({ ...options, custom: false, fields })).toBeUndefined();
});
