/**
 * The simplest lane that keeps LaneWriter's promises: a Map of objects and an array of everything that happened. For
 * tests of watch/ alone, and as the model to compare the real lane with.
 */

import { jsonCodec } from '../../src/k8s/encoding-json.ts';
import type { Codec, Scanner } from '../../src/k8s/encoding.ts';
import { parseRevisionBytes } from '../../src/k8s/revision.ts';
import { EVENT_ADDED, EVENT_DELETED, EVENT_MODIFIED } from '../../src/k8s/scan-json.ts';
import type { SelectableField } from '../../src/k8s/selectable-fields.ts';
import type { LaneLoad, LaneState, LaneWriter } from '../../src/watch/lane-writer.ts';

export interface NaiveRecord {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'RESET';
  readonly key: string;
  readonly revision: number;
}

const TYPES = { [EVENT_ADDED]: 'ADDED', [EVENT_MODIFIED]: 'MODIFIED', [EVENT_DELETED]: 'DELETED' };

/** The codec only reads here: what the resource is called shows in answers, which this lane gives none of. */
const CONFIG_MAPS = {
  group: '',
  version: 'v1',
  plural: 'configmaps',
  kind: 'ConfigMap',
  namespaced: true,
};

export class NaiveLane implements LaneWriter {
  readonly codec: Codec;
  /** Key to the object's revision and text. */
  readonly live = new Map<string, { readonly revision: number; readonly text: string }>();
  readonly records: NaiveRecord[] = [];
  readonly states: LaneState[] = [];
  /** Texts of the bookmarks it was shown. */
  readonly bookmarks: string[] = [];
  duplicates = 0;
  loads = 0;
  abandoned = 0;
  frontier = 0;
  /** Thrown by the next append, to play a lane that fails. */
  failWith: Error | undefined;
  #loading = false;

  constructor(fields: readonly SelectableField[] = []) {
    this.codec = jsonCodec({ resource: CONFIG_MAPS, custom: false, fields });
  }

  get headRevision(): number {
    return this.frontier;
  }

  get objects(): number {
    return this.live.size;
  }

  get liveBytes(): number {
    let total = 0;
    for (const { text } of this.live.values()) total += Buffer.byteLength(text);
    return total;
  }

  get head(): number {
    return this.records.length;
  }

  get state(): LaneState | undefined {
    return this.states.at(-1);
  }

  append(type: number, bytes: Uint8Array, scan: Scanner): void {
    if (this.failWith !== undefined) throw this.failWith;
    if (this.#loading) return;
    const { key, revision, text } = read(bytes, scan);
    if (revision <= this.frontier) {
      this.duplicates++;
      return;
    }
    if (type === EVENT_DELETED) this.live.delete(key);
    else this.live.set(key, { revision, text });
    this.frontier = revision;
    this.records.push({ type: TYPES[type as 1 | 2 | 3] as 'ADDED', key, revision });
  }

  proven = { position: -1, revision: 0 };

  progress(revision: number): void {
    if (this.#loading || revision <= this.frontier) return;
    this.frontier = revision;
    this.records.push({ type: 'BOOKMARK', key: '', revision });
  }

  learnBookmark(bytes: Uint8Array, scan: Scanner): void {
    this.bookmarks.push(Buffer.from(bytes).toString('utf8', scan.objectStart, scan.objectEnd));
  }

  beginLoad(): LaneLoad {
    if (this.#loading) throw new Error('a load is under way');
    this.#loading = true;
    this.loads++;
    const next = new Map<string, { readonly revision: number; readonly text: string }>();
    return {
      add: (bytes, scan) => {
        const { key, revision, text } = read(bytes, scan);
        next.set(key, { revision, text });
      },
      finish: (revision) => {
        this.#loading = false;
        this.live.clear();
        for (const [key, object] of next) this.live.set(key, object);
        this.frontier = revision;
        this.records.push({ type: 'RESET', key: '', revision });
      },
      abandon: () => {
        this.#loading = false;
        this.abandoned++;
      },
    };
  }

  contains(bytes: Uint8Array, scan: Scanner): boolean {
    const { key, revision } = read(bytes, scan);
    return this.live.get(key)?.revision === revision;
  }

  setState(state: LaneState): void {
    this.states.push(state);
  }

  /** Keys and revisions, in key order: what a test compares. */
  contents(): string[] {
    return [...this.live].map(([key, { revision }]) => `${key}@${revision}`).sort();
  }

  /** The revisions of all events since the last list, in the order they came. */
  eventRevisions(): number[] {
    const reset = this.records.findLastIndex(({ type }) => type === 'RESET');
    return this.records
      .slice(reset + 1)
      .filter(({ type }) => type !== 'BOOKMARK')
      .map(({ revision }) => revision);
  }
}

function read(
  bytes: Uint8Array,
  scan: Scanner,
): { readonly key: string; readonly revision: number; readonly text: string } {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const namespace = buffer.toString('utf8', scan.namespaceStart, scan.namespaceEnd);
  const name = buffer.toString('utf8', scan.nameStart, scan.nameEnd);
  return {
    key: namespace === '' ? name : `${namespace}/${name}`,
    revision: parseRevisionBytes(bytes, scan.revisionStart, scan.revisionEnd),
    text: buffer.toString('utf8', scan.objectStart, scan.objectEnd),
  };
}
