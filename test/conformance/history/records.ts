// What clients saw, as data: the judges compare it with the truth and know nothing of connections.

import type { ResourceName } from '../support/resources.ts';
import type { Selection } from './selection.ts';

/** In which form objects were asked for. */
export type Form = 'json' | 'protobuf' | 'metadata json' | 'metadata protobuf';

export const forms: readonly Form[] = ['json', 'protobuf', 'metadata json', 'metadata protobuf'];

export interface SeenObject {
  /** `namespace/name`, or the name alone. */
  readonly key: string;
  readonly uid: string;
  readonly revision: number;
  /** Of the content in its form, without the revision (fingerprint.ts). */
  readonly fingerprint: string;
}

export type EventType = 'ADDED' | 'MODIFIED' | 'DELETED';

export type Frame =
  | { readonly kind: 'event'; readonly type: EventType; readonly object: SeenObject }
  | { readonly kind: 'bookmark'; readonly revision: number; readonly initialEnd: boolean }
  | { readonly kind: 'error'; readonly code: number; readonly message: string };

/** Where a watch says it starts. */
export type WatchStart =
  | { readonly kind: 'after'; readonly revision: number }
  /** The objects of one moment first, then what follows it. */
  | { readonly kind: 'initial'; readonly atLeast: number }
  /** Only what follows one moment. */
  | { readonly kind: 'now'; readonly atLeast: number };

/** `reset` is RST_STREAM, `cut` a lost connection, `cancelled` our own wish. */
export type End = 'open' | 'clean' | 'reset' | 'cut' | 'cancelled';

interface Asked {
  /** The request as it can be sent again, and who asked whom. */
  readonly label: string;
  readonly resource: ResourceName;
  readonly form: Form;
  readonly selection: Selection;
  readonly beganMs: number;
}

export interface WatchRecord extends Asked {
  readonly kind: 'watch';
  readonly start: WatchStart;
  readonly bookmarks: boolean;
  readonly frames: Frame[];
  end: End;
  endedMs: number;
}

export interface Page {
  readonly revision: number;
  readonly items: readonly SeenObject[];
  readonly more: boolean;
  readonly remaining: number | undefined;
  /** Asked for with a token that promises no more than the newest state. */
  readonly fresh: boolean;
  /** What this page may not be older than. */
  readonly atLeast: number;
}

export interface ListRecord extends Asked {
  readonly kind: 'list';
  /** `exact` revision, or 0. */
  readonly exact: number;
  readonly limit: number;
  readonly pages: Page[];
  endedMs: number;
}

export interface GetRecord extends Asked {
  readonly kind: 'get';
  readonly key: string;
  readonly atLeast: number;
  /** undefined: it answered 404. */
  readonly found: SeenObject | undefined;
  readonly endedMs: number;
}

export type Record = WatchRecord | ListRecord | GetRecord;

/** Property by property as etcd's robustness tests name them, and what reads promise. */
export type Property =
  | 'ordered'
  | 'unique'
  | 'reliable'
  | 'resumable'
  | 'bookmarkable'
  | 'selected'
  | 'content'
  | 'last state'
  | 'snapshot'
  | 'fresh'
  | 'error'
  | 'ended'
  | 'stalled'
  | 'truth';

export interface Violation {
  readonly property: Property;
  readonly text: string;
  /** Index of the frame or page. */
  readonly at?: number;
}

/** Highest revision a record speaks of: it can be judged when the truth has got there. */
export function highestRevision(record: Record): number {
  switch (record.kind) {
    case 'get':
      return record.found?.revision ?? 0;
    case 'list':
      return record.pages.reduce((most, page) => Math.max(most, page.revision), 0);
    case 'watch':
      return record.frames.reduce((most, frame) => Math.max(most, revisionOf(frame)), 0);
  }
}

export function revisionOf(frame: Frame): number {
  if (frame.kind === 'event') return frame.object.revision;
  return frame.kind === 'bookmark' ? frame.revision : 0;
}
