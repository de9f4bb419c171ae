/**
 * What one reader wants of a lane: a scope (namespace, name), label requirements and field terms, compiled to byte
 * comparisons over stored entries. Matching makes no strings.
 */
import type { LabelTest } from '../k8s/encoding.ts';
import type { Arena, Place } from './arena.ts';
import { equalBytes } from './byte-map.ts';
import type { ShardTest } from './shard-test.ts';

/** One field term. `field` is a column of the lane, or one of the two that live in the key. */
export interface FilterTerm {
  readonly field: number;
  readonly value: Buffer;
  readonly negated: boolean;
  /** What the field reads as when the object has none: '' for text, 'false' for booleans, '0' for numbers. */
  readonly missing: Buffer;
}

export const NAME_FIELD = -1;
export const NAMESPACE_FIELD = -2;

export interface FilterOptions {
  /** '' = all namespaces. */
  readonly namespace: string;
  /** '' = all names. Only with a namespace, or in a cluster-scoped resource, is this a single key. */
  readonly name: string;
  readonly labels: LabelTest | undefined;
  readonly terms: readonly FilterTerm[];
  /** Part of the objects, by a hash. */
  readonly shard?: ShardTest | undefined;
  /** Text spans may hold JSON escapes, which are decoded before they are compared. True when absent. */
  readonly escapes?: boolean;
  /** Names the filter: equal text = equal filter. Scope and canonical selectors, joined by the caller. */
  readonly identity: string;
}

const BACKSLASH = 0x5c;

export class Filter {
  readonly namespace: Buffer;
  readonly name: Buffer;
  readonly labels: LabelTest | undefined;
  readonly terms: readonly FilterTerm[];
  readonly shard: ShardTest | undefined;
  readonly identity: string;
  readonly #escapes: boolean;
  /** Nothing but the scope decides. */
  readonly unselective: boolean;

  constructor(options: FilterOptions) {
    this.namespace = Buffer.from(options.namespace);
    this.name = Buffer.from(options.name);
    this.labels = options.labels;
    this.terms = options.terms;
    this.shard = options.shard;
    this.identity = options.identity;
    this.#escapes = options.escapes ?? true;
    this.unselective =
      options.labels === undefined && options.terms.length === 0 && options.shard === undefined;
  }

  /** Does the key of this entry lie in the scope? The key never changes, so one answer serves both versions. */
  inScope(arena: Arena, place: Place): boolean {
    const bytes = arena.slabOf(place).bytes;
    const start = arena.keyStart(place);
    const ns = arena.namespaceLength(place);
    if (this.namespace.length > 0 && !equalBytes(this.namespace, bytes, start, ns)) return false;
    if (this.name.length === 0) return true;
    const nameStart = ns === 0 ? 0 : ns + 1;
    return equalBytes(this.name, bytes, start + nameStart, arena.keyLength(place) - nameStart);
  }

  /** Do labels, fields and shard of this entry match? */
  selects(arena: Arena, place: Place): boolean {
    if (this.unselective) return true;
    for (const term of this.terms) if (!this.#holds(term, arena, place)) return false;
    if (this.shard !== undefined && !this.shard.matches(arena, place)) return false;
    if (this.labels === undefined) return true;
    const start = arena.objectStart(place) + arena.headerWord(place, 6);
    const length = arena.headerWord(place, 7);
    return this.labels.matches(arena.slabOf(place).bytes, start, start + length);
  }

  matches(arena: Arena, place: Place): boolean {
    return this.inScope(arena, place) && this.selects(arena, place);
  }

  #holds(term: FilterTerm, arena: Arena, place: Place): boolean {
    const bytes = arena.slabOf(place).bytes;
    if (term.field < 0) {
      const ns = arena.namespaceLength(place);
      const key = arena.keyStart(place);
      const nameStart = ns === 0 ? 0 : ns + 1;
      const equal =
        term.field === NAMESPACE_FIELD
          ? equalBytes(term.value, bytes, key, ns)
          : equalBytes(term.value, bytes, key + nameStart, arena.keyLength(place) - nameStart);
      return equal !== term.negated;
    }
    const relative = arena.fieldStart(place, term.field);
    if (relative < 0) return term.value.equals(term.missing) !== term.negated;
    const start = arena.objectStart(place) + relative;
    const length = arena.fieldLength(place, term.field);
    const equal = this.#escapes
      ? textEquals(term.value, bytes, start, length)
      : equalBytes(term.value, bytes, start, length);
    return equal !== term.negated;
  }
}

/** Compares with JSON string text: bytes, unless it has an escape, which is rare enough to decode. */
function textEquals(value: Buffer, bytes: Buffer, start: number, length: number): boolean {
  for (let i = start; i < start + length; i++) {
    if (bytes[i] !== BACKSLASH) continue;
    const decoded: unknown = JSON.parse(`"${bytes.toString('utf8', start, start + length)}"`);
    return value.equals(Buffer.from(String(decoded)));
  }
  return equalBytes(value, bytes, start, length);
}
