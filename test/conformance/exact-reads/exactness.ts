// Write, then read at once, in every form: JSON, protobuf and PartialObjectMetadata of both, as whole
// and partial lists, single objects and streamed lists, over HTTP/1.1 and HTTP/2. The read contains
// the write, every time.

import type { ApiClient } from '../control-plane/api-client.ts';
import { collection, object, query } from '../support/resources.ts';
import type { Protocol } from '../support/stack.ts';
import { disturb, subjects, write } from './author.ts';
import type { Subject, Written } from './author.ts';
import { acceptOf, formNames, listIn, objectIn, startIn } from './forms.ts';
import type { FormName, Seen } from './forms.ts';
import type { ReadClient } from './read-client.ts';

const protocols: readonly Protocol[] = ['http/1.1', 'h2'];

const shapes = [
  'all',
  'namespace',
  'object',
  'labels',
  'name',
  'page',
  'stream',
  'object',
  'stream of a namespace',
] as const;
type Shape = (typeof shapes)[number];

/** One way of asking. */
interface Read {
  readonly form: FormName;
  readonly protocol: Protocol;
  readonly shape: Shape;
}

export interface Clients {
  readonly direct: ApiClient;
  readonly proxied: Readonly<Record<Protocol, ReadClient>>;
}

export interface Exactness {
  readonly reads: number;
  /** How often each form was read. */
  readonly byForm: ReadonlyMap<string, number>;
  readonly disturbances: number;
  /** One sentence for each read that did not show the write before it. */
  readonly stale: readonly string[];
}

/** @param series names the objects, so that runs do not meet. */
export async function readAfterWrites(
  clients: Clients,
  reads: number,
  series = '',
): Promise<Exactness> {
  const stale: string[] = [];
  const byForm = new Map<string, number>();
  const rest = new AbortController();
  let left = reads;

  async function client(subject: Subject, own: number): Promise<void> {
    for (let turn = 0; left > 0; turn++) {
      left--;
      const written = await write(clients.direct, subject, turn, series);
      const read = readOf(subject, turn + own);
      const found = await ask(clients.proxied[read.protocol], subject, written, read);
      if (found !== undefined) stale.push(`${Object.values(read).join(', ')}: ${found}`);
      const kind = read.shape.startsWith('stream') ? 'streamed list' : kindOf(read.shape);
      const key = `${read.form}, ${kind}, ${read.protocol}`;
      byForm.set(key, (byForm.get(key) ?? 0) + 1);
    }
  }

  const disturbance = disturb(clients.direct, rest.signal);
  const clientsDone = Promise.allSettled(subjects.map((subject, own) => client(subject, own)));
  const failed = (await clientsDone).find((each) => each.status === 'rejected');
  rest.abort();
  const disturbances = await disturbance;
  if (failed !== undefined) throw failed.reason;
  return { reads, byForm, disturbances, stale };
}

function kindOf(shape: Shape): string {
  return shape === 'object' ? 'object' : 'list';
}

/** Every form, protocol and shape in turns; their counts have no common factor, so all combinations come. */
function readOf({ resource }: Subject, turn: number): Read {
  // A custom resource has no protobuf but for its metadata.
  const custom = resource === 'widgets' || resource === 'gadgets';
  const forms = custom ? formNames.filter((form) => form !== 'protobuf') : formNames;
  const shape = shapes[turn % shapes.length];
  const round = Math.floor(turn / shapes.length);
  const protocol = protocols[round % protocols.length];
  const form = forms[Math.floor(round / protocols.length) % forms.length];
  return { form, protocol, shape };
}

/** Why the answer is older than the write; undefined when it is not. */
async function ask(
  client: ReadClient,
  subject: Subject,
  written: Written,
  { form, shape }: Read,
): Promise<string | undefined> {
  const told = (what: unknown): string => `${String(what)}, wrote ${JSON.stringify(written)}`;
  const path = pathOf(subject, written.name, shape);
  if (shape === 'object') {
    const { status, body } = await client.read(path, acceptOf(form, 'get'));
    if (status === 404) return written.deleted ? undefined : told('404');
    if (status !== 200) return told(`status ${status}: ${body.toString()}`);
    if (written.deleted) return told('still there');
    const { revision } = objectIn(form, body);
    return revision < written.revision ? told(revision) : undefined;
  }
  if (shape.startsWith('stream')) {
    const enough = (bytes: Buffer): boolean => startIn(form, bytes).marked;
    const { status, body } = await client.read(path, acceptOf(form, 'watch'), enough);
    if (status !== 200) return told(`status ${status}: ${body.toString()}`);
    const start = startIn(form, body);
    return start.marked ? missing(start.items, start.revision, written, told) : told('no mark');
  }
  const { status, body } = await client.read(path, acceptOf(form, 'list'));
  if (status !== 200) return told(`status ${status}: ${body.toString()}`);
  const { items, revision } = listIn(form, body);
  return missing(items, revision, written, told);
}

function missing(
  items: readonly Seen[],
  revision: number,
  written: Written,
  told: (what: unknown) => string,
): string | undefined {
  if (revision < written.revision) return told(`list at ${revision}`);
  const item = items.find(
    ({ name, namespace }) => name === written.name && namespace === written.namespace,
  );
  if (written.deleted) return item === undefined ? undefined : told('still listed');
  if (item === undefined) return told('not listed');
  return item.revision < written.revision ? told(item.revision) : undefined;
}

function pathOf({ resource, namespace }: Subject, name: string, shape: Shape): string {
  const stream = { watch: 1, allowWatchBookmarks: 'true', timeoutSeconds: 20 };
  const initial = {
    ...stream,
    sendInitialEvents: 'true',
    resourceVersionMatch: 'NotOlderThan',
    resourceVersion: '',
  };
  switch (shape) {
    case 'all':
      return collection(resource);
    case 'namespace':
      return collection(resource, namespace);
    case 'object':
      return object(resource, namespace, name);
    case 'labels':
      return collection(resource) + query({ labelSelector: 'mine=yes' });
    case 'name':
      return collection(resource, namespace) + query({ fieldSelector: `metadata.name=${name}` });
    case 'page':
      return collection(resource) + query({ labelSelector: 'mine', limit: 500 });
    case 'stream':
      return collection(resource) + query(initial);
    case 'stream of a namespace':
      return collection(resource, namespace) + query(stream);
  }
}
