/**
 * Status objects in protobuf: read out of an ERROR event or an error's body, and written for clients that speak it.
 *
 * Written from the JSON that status.ts builds, so that both encodings say the same. Go's encoder writes every scalar even
 * when it is empty; details only where JSON has them.
 */
import { ProtobufCursor, WIRE_LENGTH, WIRE_VARINT } from './protobuf-cursor.ts';
import {
  bytesField,
  ENVELOPE_TAIL,
  envelopeHead,
  numberField,
  textField,
} from './protobuf-envelope.ts';

/** Status { message 3, reason 4, details 5 { retryAfterSeconds 5 }, code 6 } */
export class ProtobufStatusReader {
  code = 0;
  retryAfterSeconds = 0;
  messageStart = 0;
  messageEnd = 0;
  reasonStart = 0;
  reasonEnd = 0;

  /** Reads the bare Status [start, end); returns its end, or the cursor's problem below 0. */
  read(cursor: ProtobufCursor, start: number, end: number): number {
    this.code = this.retryAfterSeconds = 0;
    this.messageStart = this.messageEnd = 0;
    this.reasonStart = this.reasonEnd = 0;
    for (let at = start; at < end;) {
      at = cursor.next(at, end);
      if (at < 0) return at;
      const { field, wire, valueStart, valueEnd } = cursor;
      if (field === 6 && wire === WIRE_VARINT) this.code = Math.max(0, cursor.uint32());
      if (wire !== WIRE_LENGTH) continue;
      if (field === 3) {
        this.messageStart = valueStart;
        this.messageEnd = valueEnd;
      } else if (field === 4) {
        this.reasonStart = valueStart;
        this.reasonEnd = valueEnd;
      } else if (field === 5) {
        const problem = this.#details(cursor, valueStart, valueEnd);
        if (problem < 0) return problem;
      }
    }
    return end;
  }

  #details(cursor: ProtobufCursor, start: number, end: number): number {
    for (let at = start; at < end;) {
      at = cursor.next(at, end);
      if (at < 0) return at;
      if (cursor.field === 5 && cursor.wire === WIRE_VARINT) {
        this.retryAfterSeconds = Math.max(0, cursor.uint32());
      }
    }
    return end;
  }
}

/** The message of a Status in its envelope, the body of an answer that was an error; undefined when it is none. */
export function protobufStatusMessage(body: Buffer): string | undefined {
  if (body.compare(STATUS_HEAD, 0, STATUS_HEAD.length, 0, STATUS_HEAD.length) !== 0) {
    return undefined;
  }
  const cursor = new ProtobufCursor();
  cursor.bytes = body;
  if (cursor.next(STATUS_HEAD.length, body.length) < 0 || cursor.field !== 2) return undefined;
  if (cursor.wire !== WIRE_LENGTH) return undefined;
  const status = new ProtobufStatusReader();
  if (status.read(cursor, cursor.valueStart, cursor.valueEnd) < 0) return undefined;
  return body.toString('utf8', status.messageStart, status.messageEnd);
}

interface StatusJson {
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
  readonly status?: string;
  readonly message?: string;
  readonly reason?: string;
  readonly details?: {
    readonly name?: string;
    readonly group?: string;
    readonly kind?: string;
    readonly causes?: readonly {
      readonly reason?: string;
      readonly message?: string;
      readonly field?: string;
    }[];
    readonly retryAfterSeconds?: number;
    readonly uid?: string;
  };
  readonly code?: number;
}

const STATUS_HEAD = envelopeHead({ apiVersion: 'v1', kind: 'Status' });

/** A Status in its envelope, from its JSON text: the body of an error, and the object of an ERROR event. */
export function protobufStatus(json: Uint8Array): Buffer {
  const status = JSON.parse(Buffer.from(json).toString()) as StatusJson;
  const { metadata, details } = status;
  const message = Buffer.concat([
    bytesField(
      1,
      Buffer.concat([
        textField(1, ''),
        textField(2, metadata?.resourceVersion ?? ''),
        textField(3, metadata?.continue ?? ''),
      ]),
    ),
    textField(2, status.status ?? ''),
    textField(3, status.message ?? ''),
    textField(4, status.reason ?? ''),
    ...(details === undefined ? [] : [bytesField(5, detailsMessage(details))]),
    numberField(6, status.code ?? 0),
  ]);
  return Buffer.concat([STATUS_HEAD, bytesField(2, message), ENVELOPE_TAIL]);
}

function detailsMessage(details: NonNullable<StatusJson['details']>): Buffer {
  const causes = (details.causes ?? []).map((cause) =>
    bytesField(
      4,
      Buffer.concat([
        textField(1, cause.reason ?? ''),
        textField(2, cause.message ?? ''),
        textField(3, cause.field ?? ''),
      ]),
    ),
  );
  return Buffer.concat([
    textField(1, details.name ?? ''),
    textField(2, details.group ?? ''),
    textField(3, details.kind ?? ''),
    ...causes,
    numberField(5, details.retryAfterSeconds ?? 0),
    textField(6, details.uid ?? ''),
  ]);
}
