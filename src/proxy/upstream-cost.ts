/**
 * What upstream would take to answer a LIST itself, in milliseconds: weighed against what it takes to prove the lane
 * current. A guess good to a factor of two or three, from kube-apiserver 1.36 on a slow core (semantics 3.3): a limit or
 * a selector spares it the encoding, not the walk over the range.
 */
import { requiredValue } from '../k8s/field-selector.ts';
import type { ListOptions } from '../k8s/list-options.ts';
import type { Resource } from '../k8s/resource.ts';

/** What is asked of a lane. */
export interface Counted {
  readonly resource: Pick<Resource, 'namespaced'>;
  readonly head: number;
  readonly codec: { readonly form: string };
  /** Objects in a range of keys at a position. */
  count(position: number, range: { readonly prefix: Buffer; readonly from: Buffer }): number;
}

/** A quorum read, and a list of nothing. */
const BASE_MS = 4;
const MS_PER_WALKED = 0.0005;
/** By what the lane holds; the first part of the name is the encoding. */
const MS_PER_ENCODED: Readonly<Record<string, number>> = {
  json: 0.015,
  protobuf: 0.01,
  'json metadata': 0.008,
  'protobuf metadata': 0.004,
};
/** Of the objects in the range, as long as nobody has counted. */
const SELECTED_SHARE = 0.1;

const NOTHING = Buffer.alloc(0);

/** @param metadata only the metadata of the lane's objects is asked for. */
export function upstreamListMs(
  lane: Counted,
  request: {
    readonly namespace: string;
    readonly options: ListOptions;
    readonly metadata: boolean;
  },
): number {
  const { fields, labels, limit } = request.options;
  const scope = requiredValue(fields, 'metadata.namespace') ?? request.namespace;
  const isOneKey = requiredValue(fields, 'metadata.name') !== undefined;
  if (isOneKey && (scope !== '' || !lane.resource.namespaced)) return BASE_MS;
  const prefix = scope === '' ? NOTHING : Buffer.from(`${scope}/`);
  const walked = lane.count(lane.head, { prefix, from: NOTHING });
  const selective = labels.canonical !== '' || fields.canonical !== '';
  const selected = selective ? walked * SELECTED_SHARE : walked;
  const encoded = limit > 0 ? Math.min(limit, selected) : selected;
  const [encoding] = lane.codec.form.split(' ');
  const form = request.metadata ? `${encoding} metadata` : lane.codec.form;
  return BASE_MS + walked * MS_PER_WALKED + encoded * (MS_PER_ENCODED[form] ?? 0);
}
