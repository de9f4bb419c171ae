/**
 * The protobuf encoding. Custom resources have it for PartialObjectMetadata only (semantics 6.1), and a built-in whose selectable
 * fields have no numbers here is not given one: its protobuf requests are passed through.
 */
import {
  AS_STORED,
  type Codec,
  type CodecOptions,
  type Encoding,
  type Scanner,
  type StoredObject,
} from './encoding.ts';
import { PARTIAL_METADATA, protobufErrorEvent, ProtobufForm } from './envelope-protobuf.ts';
import { ProtobufFrames } from './frames-protobuf.ts';
import { ProtobufLabelMatcher } from './label-matcher-protobuf.ts';
import type { EnvelopeKind } from './protobuf-envelope.ts';
import { fieldValue, type ProtobufField, protobufFields } from './protobuf-fields.ts';
import { protobufStatus, protobufStatusMessage } from './protobuf-status.ts';
import { apiVersion } from './resource.ts';
import { ProtobufListScanner } from './scan-list-protobuf.ts';
import { ProtobufScanner } from './scan-protobuf.ts';
import { storedBytes, WHOLE_METADATA, writeStored } from './stored-protobuf.ts';

const PROTOBUF = 'application/vnd.kubernetes.protobuf';
const NO_PREFIX = Buffer.alloc(0);

class ProtobufCodec implements Codec {
  readonly encoding: Encoding = protobufEncoding;
  readonly form: string;
  readonly acceptList: string;
  readonly acceptWatch: string;
  readonly itemPrefix = NO_PREFIX;
  readonly objects: ProtobufForm;
  readonly metadata: ProtobufForm;
  readonly #kind: EnvelopeKind;
  readonly #fields: readonly ProtobufField[];

  constructor(options: CodecOptions, fields: readonly ProtobufField[]) {
    const { resource, metadataOnly = false } = options;
    this.#fields = fields;
    this.#kind = metadataOnly
      ? PARTIAL_METADATA
      : { apiVersion: apiVersion(resource), kind: resource.kind };
    this.form = metadataOnly ? 'protobuf metadata' : 'protobuf';
    const as = metadataOnly ? `;g=meta.k8s.io;v=v1;as=${this.#kind.kind}` : '';
    this.acceptList = `${PROTOBUF}${as === '' ? '' : `${as}List`}`;
    this.acceptWatch = `${PROTOBUF}${as}`;
    this.metadata = new ProtobufForm({
      kind: PARTIAL_METADATA,
      listKind: `${PARTIAL_METADATA.kind}List`,
      metadataOnly: true,
    });
    this.objects = metadataOnly
      ? this.metadata
      : new ProtobufForm({
          kind: this.#kind,
          listKind: options.listKind ?? `${resource.kind}List`,
          metadataOnly: false,
        });
  }

  makeScanner(): Scanner {
    return new ProtobufScanner(this.#fields, { kind: this.#kind });
  }

  fieldValue(field: number, value: string): Buffer {
    return fieldValue(this.#fields[field].kind, value);
  }

  restate(object: StoredObject): Buffer {
    if (object.revision === AS_STORED)
      return Buffer.from(object.bytes.subarray(object.start, object.end));
    const bytes = Buffer.alloc(storedBytes(object, WHOLE_METADATA));
    writeStored(object, WHOLE_METADATA, bytes, 0);
    return bytes;
  }
}

export const protobufEncoding: Encoding = {
  name: 'protobuf',
  contentType: PROTOBUF,
  watchContentType: `${PROTOBUF};stream=watch`,
  escapes: false,
  makeFrames: (maxFrameBytes) => new ProtobufFrames(maxFrameBytes),
  makeListCursor: () => new ProtobufListScanner(),
  labelTest: (selector) => new ProtobufLabelMatcher(selector),
  text: (bytes, start, end) =>
    Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString(),
  statusMessage: protobufStatusMessage,
  statusBody: (status) => protobufStatus(status.body),
  errorEvent: protobufErrorEvent,
  codec(options) {
    if (options.custom && options.metadataOnly !== true) return undefined;
    const fields = protobufFields(options.resource, options.fields);
    return fields === undefined ? undefined : new ProtobufCodec(options, fields);
  },
};
