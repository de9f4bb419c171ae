/**
 * Selectable fields in protobuf: where their values lie, and what a selector's text is compared with there.
 *
 * One row per field that selectable-fields.ts has for a built-in resource (semantics 10.2; numbers from generated.proto
 * of k8s.io/api v0.36). Strings are compared by their bytes. Booleans and integers are compared by the bytes of their
 * varint, which is why the scanner takes them in the shortest form only; a selector's text is turned into those bytes
 * once, when the filter is made, so that filters and indexes compare bytes and know nothing of kinds.
 */
import { resourceId, type Resource } from './resource.ts';
import type { SelectableField } from './selectable-fields.ts';

export type FieldKind = 'string' | 'bool' | 'int';

/** Where a field lies below the object: field numbers, outermost first. */
export interface ProtobufField {
  readonly numbers: readonly number[];
  readonly kind: FieldKind;
}

function text(...numbers: number[]): ProtobufField {
  return { numbers, kind: 'string' };
}
function bool(...numbers: number[]): ProtobufField {
  return { numbers, kind: 'bool' };
}
function int(...numbers: number[]): ProtobufField {
  return { numbers, kind: 'int' };
}

type Row = Readonly<Record<string, ProtobufField>>;

const RESOURCE_SLICE: Row = { 'spec.nodeName': text(2, 3), 'spec.driver': text(2, 1) };

const NUMBERS: ReadonlyMap<string, Row> = new Map<string, Row>([
  [
    'v1/pods',
    {
      'spec.nodeName': text(2, 10),
      'spec.restartPolicy': text(2, 3),
      'spec.schedulerName': text(2, 19),
      'spec.serviceAccountName': text(2, 8),
      'spec.hostNetwork': bool(2, 11),
      'status.phase': text(3, 1),
      'status.podIP': text(3, 6),
      'status.nominatedNodeName': text(3, 11),
    },
  ],
  ['v1/nodes', { 'spec.unschedulable': bool(2, 4) }],
  ['v1/namespaces', { 'status.phase': text(3, 1) }],
  ['v1/secrets', { type: text(3) }],
  ['v1/services', { 'spec.clusterIP': text(2, 3), 'spec.type': text(2, 4) }],
  ['v1/replicationcontrollers', { 'status.replicas': int(3, 1) }],
  ['batch/v1/jobs', { 'status.successful': int(3, 5) }],
  ['certificates.k8s.io/v1/certificatesigningrequests', { 'spec.signerName': text(2, 7) }],
  ['certificates.k8s.io/v1beta1/clustertrustbundles', { 'spec.signerName': text(2, 1) }],
  [
    'certificates.k8s.io/v1beta1/podcertificaterequests',
    { 'spec.signerName': text(2, 1), 'spec.podName': text(2, 2), 'spec.nodeName': text(2, 6) },
  ],
  ['resource.k8s.io/v1/resourceslices', RESOURCE_SLICE],
  ['resource.k8s.io/v1beta2/resourceslices', RESOURCE_SLICE],
  ['resource.k8s.io/v1beta1/resourceslices', RESOURCE_SLICE],
]);

/** The places of `fields`, in their order; undefined when one of them is not known, and there can be no such lane. */
export function protobufFields(
  resource: Pick<Resource, 'group' | 'version' | 'plural'>,
  fields: readonly Pick<SelectableField, 'name'>[],
): readonly ProtobufField[] | undefined {
  const row = NUMBERS.get(resourceId(resource));
  const found: ProtobufField[] = [];
  for (const { name } of fields) {
    const field = row?.[name];
    if (field === undefined) return undefined;
    found.push(field);
  }
  return found;
}

/** A varint that never ends is the value of no object. */
const NO_VALUE = Buffer.of(0x80);

/** The bytes a selector's value is compared with: what the scanner's span of such a field would hold. */
export function fieldValue(kind: FieldKind, value: string): Buffer {
  if (kind === 'string') return Buffer.from(value);
  if (kind === 'bool') {
    if (value === 'true') return Buffer.of(1);
    return value === 'false' ? Buffer.of(0) : NO_VALUE;
  }
  // As Go prints an integer, so no plus sign, no leading zeros, no minus zero.
  if (!/^(?:0|-?[1-9][0-9]{0,18})$/.test(value)) return NO_VALUE;
  const number = BigInt(value);
  if (number !== BigInt.asIntN(64, number)) return NO_VALUE;
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, number);
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}
