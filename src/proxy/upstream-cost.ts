/**
 * What upstream would take to answer a LIST itself, in milliseconds: weighed against what it takes to prove the lane
 * current. A guess good to a factor of two or three, from kube-apiserver 1.36 on a slow core (semantics 3.3): a limit or
 * a selector spares it the encoding, not the walk over the range.
 */
import type { Lane } from '../cache/lane.ts';
import { requiredValue } from '../k8s/field-selector.ts';
import type { ListOptions } from '../k8s/list-options.ts';

/** A quorum read, and a list of nothing. */
const BASE_MS = 4;
const MS_PER_WALKED = 0.0005;
const MS_PER_ENCODED = 0.015;
/** Of the objects in the range, as long as nobody has counted. */
const SELECTED_SHARE = 0.1;

const NOTHING = Buffer.alloc(0);

export function upstreamListMs(lane: Lane, namespace: string, options: ListOptions): number {
  const { fields, labels, limit } = options;
  const scope = requiredValue(fields, 'metadata.namespace') ?? namespace;
  const isOneKey = requiredValue(fields, 'metadata.name') !== undefined;
  if (isOneKey && (scope !== '' || !lane.resource.namespaced)) return BASE_MS;
  const prefix = scope === '' ? NOTHING : Buffer.from(`${scope}/`);
  const walked = lane.count(lane.head, { prefix, from: NOTHING });
  const selective = labels.canonical !== '' || fields.canonical !== '';
  const selected = selective ? walked * SELECTED_SHARE : walked;
  const encoded = limit > 0 ? Math.min(limit, selected) : selected;
  return BASE_MS + walked * MS_PER_WALKED + encoded * MS_PER_ENCODED;
}
