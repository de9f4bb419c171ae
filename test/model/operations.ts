/**
 * What a model run may do to a lane, and the objects it does it with.
 */
import { podText } from '../cache/support.ts';
import type { NaiveObject } from './naive-lane.ts';

/** Keys whose order differs between "by namespace, then name" and bytes: `-` and `.` sort before `/`. */
export const KEYS = [
  ['a', 'x'],
  ['a', 'x-1'],
  ['a', 'x.1'],
  ['a', 'y'],
  ['a-b', 'x'],
  ['a-b', 'x-1'],
  ['a-b', 'z'],
  ['b', 'a'],
  ['b', 'x'],
  ['a0', 'x'],
] as const;
export const NAMESPACES = ['a', 'a-b', 'a0', 'b', 'none'];
const LABELS = [undefined, { app: 'x' }, { app: 'y', tier: 'web' }, {}];
const NODES = [undefined, 'n1', 'n2', ''];
const HOST_NETWORK = [undefined, true, false];

/** The part of an operation that makes an object. */
export interface ObjectChoice {
  readonly key: number;
  readonly labels: number;
  readonly node: number;
  readonly hostNetwork: number;
  readonly bytes: number;
}

export type Operation =
  | ({ readonly kind: 'put'; readonly gap: number } & ObjectChoice)
  | ({ readonly kind: 'remove'; readonly gap: number } & ObjectChoice)
  | ({ readonly kind: 'duplicate'; readonly back: number } & ObjectChoice)
  | ({ readonly kind: 'fill'; readonly times: number } & ObjectChoice)
  | { readonly kind: 'bookmark'; readonly gap: number }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'sweep' }
  | {
      readonly kind: 'relist';
      readonly drop: readonly number[];
      readonly change: readonly ObjectChoice[];
      readonly items: boolean;
      readonly gap: number;
      readonly outcome: 'finish' | 'abandon';
    }
  | { readonly kind: 'restore'; readonly change: readonly ObjectChoice[] }
  | { readonly kind: 'join'; readonly filter: number; readonly back: number }
  | { readonly kind: 'read'; readonly cursor: number; readonly count: number }
  | { readonly kind: 'leave'; readonly cursor: number }
  | {
      readonly kind: 'walk';
      readonly back: number;
      readonly steps: number;
      readonly filter: number;
      readonly from: boolean;
      readonly unread: boolean;
    }
  | { readonly kind: 'compare' };

export interface ModelOptions {
  readonly bridge: boolean;
  readonly durationMs: number;
  readonly maxBytes: number;
  readonly minEvents: number;
  readonly maxRecords: number;
  /** 0: every slab with something dead in it is cleaned. */
  readonly spreadSlackBytes: number;
  /** Objects of the initial list. */
  readonly initial: readonly ObjectChoice[];
}

export function objectOf(choice: ObjectChoice, revision: number): NaiveObject {
  const [namespace, name] = KEYS[choice.key];
  const spec = {
    namespace,
    name,
    revision,
    labels: LABELS[choice.labels] as Record<string, string> | undefined,
    nodeName: NODES[choice.node],
    hostNetwork: HOST_NETWORK[choice.hostNetwork],
    bytes: choice.bytes,
  };
  return { key: `${namespace}/${name}`, spec, text: podText(spec) };
}
