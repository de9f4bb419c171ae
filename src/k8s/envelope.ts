/**
 * Envelope: the constant bytes around objects in lists and watch lines, built once per lane.
 *
 * Objects themselves are upstream's bytes; these pieces are spliced around them, so answers equal
 * upstream's. Built-ins print Go struct order (`kind`, `apiVersion`, `metadata`, `items`) and their
 * list items carry no kind; custom resources print sorted keys, keep the kind in items and always
 * print `"continue"` (semantics 6.3). Returned event and list pieces are shared: never write to them.
 */
import { goJson } from './go-text.ts';
import { apiVersion, type Resource } from './resource.ts';

export interface EventHeads {
  readonly added: Buffer;
  readonly modified: Buffer;
  readonly deleted: Buffer;
  readonly bookmark: Buffer;
}

function eventHead(type: string): Buffer {
  return Buffer.from(`{"type":"${type}","object":`);
}

/** `{"type":"ADDED","object":` and its siblings; the object and `eventTail` follow. */
export const eventHeads: EventHeads = Object.freeze({
  added: eventHead('ADDED'),
  modified: eventHead('MODIFIED'),
  deleted: eventHead('DELETED'),
  bookmark: eventHead('BOOKMARK'),
});

/** Closes a watch line. */
export const eventTail: Buffer = Buffer.from('}\n');

/** Metadata of a list; absent parts are not printed (except `continue` of custom resources). */
export interface ListMeta {
  readonly revision: number;
  /** `''` when the list is complete. */
  readonly continueToken: string;
  /** Items after this page, or undefined when upstream would not print it. */
  readonly remaining: number | undefined;
  /** The shard selector in `shardInfo`; only built-in lists of whole objects have that. */
  readonly shards?: string | undefined;
}

export class JsonEnvelope {
  readonly eventHeads: EventHeads = eventHeads;
  readonly eventTail: Buffer = eventTail;
  /** What follows the `{` of a watch object and is absent from a list item; empty for sorted keys. */
  readonly itemSkip: Buffer;
  readonly #sortedKeys: boolean;
  readonly #listKind: string;
  readonly #apiVersion: string;

  /**
   * @param sortedKeys custom resource style
   * @param listKind a CRD may name its list kind freely; everything else is `<Kind>List`
   */
  constructor(resource: Resource, sortedKeys: boolean, listKind = `${resource.kind}List`) {
    const version = goJson(apiVersion(resource));
    this.#sortedKeys = sortedKeys;
    this.#listKind = goJson(listKind);
    this.#apiVersion = version;
    this.itemSkip = Buffer.from(
      sortedKeys ? '' : `"kind":${goJson(resource.kind)},"apiVersion":${version},`,
    );
  }

  /** Everything before the first item, `"items":[` included. Items are separated by a comma. */
  listHead({ revision, continueToken, remaining, shards }: ListMeta): Buffer {
    if (this.#sortedKeys) return Buffer.from(`{"apiVersion":${this.#apiVersion},"items":[`);
    const token = continueToken === '' ? '' : `,"continue":${goJson(continueToken)}`;
    const left = remaining === undefined ? '' : `,"remainingItemCount":${remaining}`;
    const info = shards === undefined ? '' : `,"shardInfo":{"selector":${goJson(shards)}}`;
    return Buffer.from(
      `{"kind":${this.#listKind},"apiVersion":${this.#apiVersion},` +
        `"metadata":{"resourceVersion":"${revision}"${token}${left}${info}},"items":[`,
    );
  }

  /** Everything after the last item, newline included. The arguments are those given to listHead. */
  listTail({ revision, continueToken, remaining }: ListMeta): Buffer {
    if (!this.#sortedKeys) return Buffer.from(']}\n');
    const left = remaining === undefined ? '' : `"remainingItemCount":${remaining},`;
    return Buffer.from(
      `],"kind":${this.#listKind},"metadata":{"continue":${goJson(continueToken)},` +
        `${left}"resourceVersion":"${revision}"}}\n`,
    );
  }
}

const MARK = '"k8s.io/initial-events-end":"true"';
const ANNOTATIONS = `"annotations":{${MARK}}`;
const STRUCT_HEAD = '"metadata":{"resourceVersion":"';
/** The one annotation that a conversion gives to a zero object, that of DaemonSets; it sorts before the mark. */
const STRUCT_TAIL =
  /^"(,"creationTimestamp":null)?(?:,"annotations":\{(?:"k8s\.io\/initial-events-end":"true"|("deprecated\.daemonset\.template\.generation":"0")(?:,"k8s\.io\/initial-events-end":"true")?)\})?\}/;
const SORTED_HEAD =
  /"metadata":\{("annotations":\{"k8s\.io\/initial-events-end":"true"\},)?("creationTimestamp":null,)?"resourceVersion":"$/;

interface Splice {
  readonly head: string;
  readonly tail: string;
}

/**
 * BookmarkTemplate: bookmark lines made from a real upstream bookmark of the lane, because the zero
 * object around the revision differs per kind and per release (semantics 4.5). Only the revision and
 * the initial-events-end annotation are changed. An object of any other shape is refused.
 */
export class BookmarkTemplate {
  readonly #plain: Splice;
  readonly #annotated: Splice;

  private constructor(plain: Splice, annotated: Splice) {
    this.#plain = plain;
    this.#annotated = annotated;
  }

  /**
   * @param object bytes of the bookmark's `object`, with or without the annotation
   * @param revisionStart offset in `object` of the first digit of metadata.resourceVersion
   * @param revisionEnd offset after its last digit
   * @returns undefined when the object is not of a shape this class knows
   */
  static from(
    object: Uint8Array,
    revisionStart: number,
    revisionEnd: number,
  ): BookmarkTemplate | undefined {
    const bytes = Buffer.from(object.buffer, object.byteOffset, object.byteLength);
    const head = bytes.toString('utf8', 0, revisionStart);
    const tail = bytes.toString('utf8', revisionEnd);
    if (!/^[0-9]+$/.test(bytes.toString('latin1', revisionStart, revisionEnd))) return undefined;
    if (head.startsWith('{"apiVersion":')) return BookmarkTemplate.#sorted(head, tail);
    if (head.startsWith('{"kind":')) return BookmarkTemplate.#struct(head, tail);
    return undefined;
  }

  /** A whole watch line that says: everything up to `revision` was sent. */
  plain(revision: number): Buffer {
    return line(this.#plain, revision);
  }

  /** The line that ends the initial events of a watch. */
  initialEventsEnd(revision: number): Buffer {
    return line(this.#annotated, revision);
  }

  /** Go struct order: resourceVersion, creationTimestamp (printed up to 1.33), annotations. */
  static #struct(head: string, tail: string): BookmarkTemplate | undefined {
    const match = STRUCT_TAIL.exec(tail);
    if (!head.endsWith(STRUCT_HEAD) || match === null) return undefined;
    const [whole, timestamp = '', given] = match;
    const rest = tail.slice(whole.length);
    const plain = given === undefined ? '' : `,"annotations":{${given}}`;
    const annotations = given === undefined ? ANNOTATIONS : `"annotations":{${given},${MARK}}`;
    return new BookmarkTemplate(
      { head, tail: `"${timestamp}${plain}}${rest}` },
      { head, tail: `"${timestamp},${annotations}}${rest}` },
    );
  }

  /** Sorted keys: annotations, creationTimestamp, resourceVersion. */
  static #sorted(head: string, tail: string): BookmarkTemplate | undefined {
    const match = SORTED_HEAD.exec(head);
    if (match === null || !tail.startsWith('"}')) return undefined;
    const before = `${head.slice(0, match.index)}"metadata":{`;
    const after = `${match[2] ?? ''}"resourceVersion":"`;
    return new BookmarkTemplate(
      { head: before + after, tail },
      { head: `${before}${ANNOTATIONS},${after}`, tail },
    );
  }
}

function line(splice: Splice, revision: number): Buffer {
  return Buffer.from(`{"type":"BOOKMARK","object":${splice.head}${revision}${splice.tail}}\n`);
}
