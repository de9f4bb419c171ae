/**
 * The JSON encoding: of every resource, built-in or custom, and of PartialObjectMetadata cut out of built-ins.
 *
 * Puts the JSON pieces (scan-json, forms-json, envelope, status) behind the interfaces of encoding.ts; the bytes are theirs.
 */
import type {
  Codec,
  CodecOptions,
  Encoding,
  ObjectForm,
  Scanner,
  StoredObject,
} from './encoding.ts';
import { JsonEnvelope } from './envelope.ts';
import { JsonMetadata, JsonObjects, spanBytes, writeSpan } from './forms-json.ts';
import { JsonFrames } from './frames-json.ts';
import { LabelMatcher } from './label-matcher.ts';
import type { Resource } from './resource.ts';
import { JsonScanner } from './scan-json.ts';
import { decodeString } from './scan-json-text.ts';
import { JsonListScanner } from './scan-list-json.ts';
import type { SelectableField } from './selectable-fields.ts';
import { errorEvent } from './status.ts';

const JSON_TYPE = 'application/json';
const PARTIAL_METADATA: Resource = {
  group: 'meta.k8s.io',
  version: 'v1',
  plural: '',
  kind: 'PartialObjectMetadata',
  namespaced: true,
};

class JsonCodec implements Codec {
  readonly encoding: Encoding = jsonEncoding;
  readonly form: string;
  readonly acceptList: string;
  readonly acceptWatch: string;
  readonly itemPrefix: Buffer;
  readonly objects: ObjectForm;
  readonly metadata: ObjectForm | undefined;
  readonly #fields: readonly SelectableField[];

  constructor({ resource, custom, listKind, fields, metadataOnly = false }: CodecOptions) {
    const metadataEnvelope = new JsonEnvelope(PARTIAL_METADATA, false);
    this.form = metadataOnly ? 'json metadata' : 'json';
    const as = metadataOnly ? `;g=meta.k8s.io;v=v1;as=${PARTIAL_METADATA.kind}` : '';
    this.acceptList = `${JSON_TYPE}${as === '' ? '' : `${as}List`}`;
    this.acceptWatch = `${JSON_TYPE}${as}`;
    this.#fields = fields;
    if (metadataOnly) {
      // Items of this list do carry their kind (semantics 6.3).
      this.itemPrefix = NO_PREFIX;
      this.metadata = this.objects = new JsonObjects({
        envelope: metadataEnvelope,
        itemSkip: 0,
        isPartial: true,
      });
      return;
    }
    const envelope = new JsonEnvelope(resource, custom, listKind);
    this.itemPrefix = envelope.itemSkip;
    const itemSkip = envelope.itemSkip.length;
    this.objects = new JsonObjects({ envelope, itemSkip, isPartial: false });
    // The keys of a custom resource are sorted, those of its PartialObjectMetadata are not.
    this.metadata = custom ? undefined : new JsonMetadata(metadataEnvelope);
  }

  makeScanner(): Scanner {
    return new JsonScanner(this.#fields);
  }

  fieldValue(_field: number, value: string): Buffer {
    return Buffer.from(value);
  }

  restate(object: StoredObject): Buffer {
    const bytes = Buffer.alloc(spanBytes(object, object.start, object.end));
    writeSpan(object, object.start, object.end, bytes, 0);
    return bytes;
  }
}

const NO_PREFIX = Buffer.alloc(0);

export const jsonEncoding: Encoding = {
  name: 'json',
  contentType: JSON_TYPE,
  watchContentType: JSON_TYPE,
  escapes: true,
  makeFrames: (maxFrameBytes) => new JsonFrames(maxFrameBytes),
  makeListCursor: () => new JsonListScanner(),
  labelTest: (selector) => new LabelMatcher(selector),
  text: decodeString,
  statusMessage(body) {
    try {
      const status = JSON.parse(body.toString()) as { readonly message?: unknown } | null;
      return typeof status?.message === 'string' ? status.message : undefined;
    } catch {
      return undefined;
    }
  },
  statusBody: (status) => status.body,
  errorEvent,
  codec: jsonCodec,
};

/** Every resource has a JSON form. */
export function jsonCodec(options: CodecOptions): Codec {
  return new JsonCodec(options);
}
