/**
 * View: one representation of a kind's objects: as they are, their metadata only, or table rows.
 *
 * Gives the pieces of lists, watch lines and bookmarks in that representation. The plain view hands
 * out stored bytes; the other two decode every object they show.
 */
import { apiVersion } from '../k8s/resource.ts';
import { JsonEnvelope } from '../k8s/envelope.ts';
import { columnsOf } from './columns.ts';
import type { Column } from './columns.ts';
import type { Kind } from './kinds.ts';
import type { View } from './media.ts';
import { encodeMetadata, goText } from './object.ts';
import type { KubeObject, Metadata } from './object.ts';
import type { StoredObject } from './stored-object.ts';

export interface ListMeta {
  readonly revision: number;
  /** '' when the list is complete. */
  readonly token: string;
  readonly remaining: number | undefined;
}

export interface ObjectView {
  /** One object on its own, without a newline. */
  object(object: StoredObject): Buffer;
  /** One object inside a watch line. `first`: the first line of this watch. */
  eventObject(object: StoredObject, first: boolean): Buffer;
  listItem(object: StoredObject): Buffer;
  listHead(meta: ListMeta): Buffer;
  listTail(meta: ListMeta): Buffer;
  /** The `object` of a bookmark. */
  bookmark(revision: number, initialEventsEnd: boolean): Buffer;
}

export function createView(kind: Kind, view: View): ObjectView {
  if (view === 'table') return new TableView(kind);
  return view === 'metadata' ? new MetadataView() : new PlainView(kind);
}

const END_MARK = { 'k8s.io/initial-events-end': 'true' };

function bookmarkMetadata(revision: number, initialEventsEnd: boolean): Metadata {
  const resourceVersion = String(revision);
  return initialEventsEnd ? { resourceVersion, annotations: END_MARK } : { resourceVersion };
}

/** The zero object of a bookmark, as text. */
function zeroObject(kind: Kind, revision: number, initialEventsEnd: boolean): string {
  const end = '"annotations":{"k8s.io/initial-events-end":"true"}';
  if (kind.custom) {
    const before = initialEventsEnd ? `${end},` : '';
    const metadata = `{${before}"resourceVersion":"${revision}"}`;
    return `{"apiVersion":"${apiVersion(kind)}","kind":"${kind.kind}","metadata":${metadata}}`;
  }
  const metadata = `{"resourceVersion":"${revision}"${initialEventsEnd ? `,${end}` : ''}}`;
  const head = `{"kind":"${kind.kind}","apiVersion":"${apiVersion(kind)}"`;
  return `${head},"metadata":${metadata}${kind.zero}}`;
}

class PlainView implements ObjectView {
  readonly #kind: Kind;
  readonly #envelope: JsonEnvelope;

  constructor(kind: Kind) {
    this.#kind = kind;
    this.#envelope = new JsonEnvelope(kind, kind.custom);
  }

  object(object: StoredObject): Buffer {
    return object.bytes;
  }

  eventObject(object: StoredObject): Buffer {
    return object.bytes;
  }

  listItem(object: StoredObject): Buffer {
    const skip = this.#envelope.itemSkip.length;
    if (skip === 0) return object.bytes;
    const rest = object.buffer.subarray(object.start + 1 + skip, object.end);
    return Buffer.concat([Buffer.from('{'), rest]);
  }

  listHead({ revision, token, remaining }: ListMeta): Buffer {
    return this.#envelope.listHead({ revision, continueToken: token, remaining });
  }

  listTail({ revision, token, remaining }: ListMeta): Buffer {
    return this.#envelope.listTail({ revision, continueToken: token, remaining });
  }

  bookmark(revision: number, initialEventsEnd: boolean): Buffer {
    return Buffer.from(zeroObject(this.#kind, revision, initialEventsEnd));
  }
}

function partial(metadata: Metadata): string {
  const head = '"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1"';
  return `{${head},"metadata":${encodeMetadata(metadata)}}`;
}

function listMetadata({ revision, token, remaining }: ListMeta): string {
  const next = token === '' ? '' : `,"continue":"${token}"`;
  const left = remaining === undefined ? '' : `,"remainingItemCount":${remaining}`;
  return `{"resourceVersion":"${revision}"${next}${left}}`;
}

class MetadataView implements ObjectView {
  object(object: StoredObject): Buffer {
    return Buffer.from(partial(object.decode().metadata));
  }

  eventObject(object: StoredObject): Buffer {
    return this.object(object);
  }

  listItem(object: StoredObject): Buffer {
    return this.object(object);
  }

  listHead(meta: ListMeta): Buffer {
    const head = '"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1"';
    return Buffer.from(`{${head},"metadata":${listMetadata(meta)},"items":[`);
  }

  listTail(): Buffer {
    return Buffer.from(']}\n');
  }

  bookmark(revision: number, initialEventsEnd: boolean): Buffer {
    return Buffer.from(partial(bookmarkMetadata(revision, initialEventsEnd)));
  }
}

class TableView implements ObjectView {
  readonly #kind: Kind;
  readonly #columns: readonly Column[];
  readonly #definitions: string;

  constructor(kind: Kind) {
    this.#kind = kind;
    this.#columns = columnsOf(kind);
    this.#definitions = goText(
      this.#columns.map(({ name, type, format = '', wide = false }) => {
        return { name, type, format, description: '', priority: wide ? 1 : 0 };
      }),
    );
  }

  object(object: StoredObject): Buffer {
    return this.#table(object.decode(), true);
  }

  eventObject(object: StoredObject, first: boolean): Buffer {
    return this.#table(object.decode(), first);
  }

  listItem(object: StoredObject): Buffer {
    return Buffer.from(this.#row(object.decode()));
  }

  listHead(meta: ListMeta): Buffer {
    return Buffer.from(`${this.#head(listMetadata(meta), true)},"rows":[`);
  }

  listTail(): Buffer {
    return Buffer.from(']}\n');
  }

  bookmark(revision: number, initialEventsEnd: boolean): Buffer {
    const zero = JSON.parse(zeroObject(this.#kind, revision, initialEventsEnd)) as KubeObject;
    return this.#table(zero, false);
  }

  #table(object: KubeObject, definitions: boolean): Buffer {
    const meta = `{"resourceVersion":"${object.metadata.resourceVersion}"}`;
    return Buffer.from(`${this.#head(meta, definitions)},"rows":[${this.#row(object)}]}`);
  }

  #head(meta: string, definitions: boolean): string {
    const columns = definitions ? this.#definitions : 'null';
    const head = '"kind":"Table","apiVersion":"meta.k8s.io/v1"';
    return `{${head},"metadata":${meta},"columnDefinitions":${columns}`;
  }

  #row(object: KubeObject): string {
    const cells = this.#columns.map((column) => column.cell(object));
    return `{"cells":${goText(cells)},"object":${partial(object.metadata)}}`;
  }
}
