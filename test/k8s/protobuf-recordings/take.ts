// Takes recorded bodies apart into stored objects, as a lane does, and puts bodies together from them.

import { expect } from 'vitest';
import { StoredObject } from '../../../src/k8s/encoding.ts';
import type { Codec, ObjectForm, Scanner } from '../../../src/k8s/encoding.ts';
import { parseRevisionBytes } from '../../../src/k8s/revision.ts';

export function must(scanned: boolean, scanner: Scanner): void {
  if (!scanned) throw new Error(scanner.problem);
}

export interface List {
  readonly objects: readonly StoredObject[];
  readonly revision: number;
  readonly continueToken: string;
}

/** The stored objects of a list, made from its items as a load does it. */
export function takeList(codec: Codec, body: Buffer): List {
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

export interface Event {
  readonly type: number;
  readonly object: StoredObject;
  readonly name: string;
  readonly revision: number;
  readonly initialEventsEnd: boolean;
  readonly labels: Buffer;
}

export function takeWatch(codec: Codec, body: Buffer): Event[] {
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

export function event(form: ObjectForm, type: number, object: StoredObject): Buffer {
  const bytes = Buffer.alloc(form.eventBytes(type, object) + 1);
  const end = form.writeEvent(type, object, bytes, 0);
  expect(end).toBe(bytes.length - 1);
  return bytes.subarray(0, end);
}

export function wholeList(form: ObjectForm, list: List, remaining?: number): Buffer {
  const items = list.objects.map((object, index) => {
    const bytes = Buffer.alloc(form.itemBytes(object, index));
    expect(form.writeItem(object, index, bytes, 0)).toBe(bytes.length);
    return bytes;
  });
  const itemsBytes = items.reduce((sum, item) => sum + item.length, 0);
  const meta = { revision: list.revision, continueToken: list.continueToken, remaining };
  const [head, tail] = [form.listHead(meta, itemsBytes), form.listTail(meta, itemsBytes)];
  return Buffer.concat([head, ...items, tail]);
}
