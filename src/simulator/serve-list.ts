/**
 * LIST: which state, which range, which page (semantics 3.1, 3.3 to 3.5, 3.7).
 */
import { encodeContinueToken } from '../k8s/continue-token.ts';
import { expiredContinue, expiredList, tooLargeResourceVersion } from '../k8s/status.ts';
import type { Collection } from './collection.ts';
import { ApiError } from './errors.ts';
import type { ReadOptions } from './read-options.ts';
import type { Response } from './response.ts';
import type { Revisions } from './revisions.ts';
import type { Selection } from './selection.ts';
import type { StoredObject } from './stored-object.ts';
import type { ListMeta, ObjectView } from './view.ts';

export interface ListParts {
  readonly collection: Collection;
  readonly revisions: Revisions;
  readonly options: ReadOptions;
  readonly selection: Selection;
  readonly view: ObjectView;
  readonly freshnessTimeoutMs: number;
}

interface Page {
  readonly items: readonly StoredObject[];
  readonly meta: ListMeta;
}

export async function serveList(parts: ListParts, response: Response): Promise<void> {
  const { items, meta } = await page(parts);
  const pieces = listPieces(items, meta, parts.view);
  if (!response.pretty) return response.pieces(pieces);
  response.json(200, Buffer.concat([...pieces]));
}

/** The whole body, piece by piece. */
export function* listPieces(
  items: Iterable<StoredObject>,
  meta: ListMeta,
  view: ObjectView,
): Generator<Buffer> {
  yield view.listHead(meta);
  let first = true;
  for (const item of items) {
    if (!first) yield COMMA;
    first = false;
    yield view.listItem(item);
  }
  yield view.listTail(meta);
}

const COMMA = Buffer.from(',');

async function page(parts: ListParts): Promise<Page> {
  const { collection, options, selection } = parts;
  const exact = exactRevision(options);
  await reach(parts, exact ?? options.revision ?? 0);
  const revision = exact ?? parts.revisions.current;
  if (exact !== undefined && exact < collection.window.floor) throw expired(options);
  const state = exact === undefined ? collection.snapshot() : collection.snapshotAt(exact);
  const range = rangeOf(state, collection, { options, selection });
  // resourceVersion "0" means any state, and one page.
  const limit = options.revision === 0 ? 0 : options.limit;
  const items: StoredObject[] = [];
  for (let at = 0; at < range.length; at += 1) {
    if (!selection.matches(range[at].facts)) continue;
    items.push(range[at]);
    if (items.length !== limit || at === range.length - 1) continue;
    const remaining = selection.selective ? undefined : range.length - limit;
    const token = nextToken(revision, range[at], { selection, collection });
    return { items, meta: { revision, token, remaining } };
  }
  return { items, meta: { revision, token: '', remaining: undefined } };
}

/** The revision whose state is asked for; undefined when the newest one is. */
function exactRevision({ token, match, limit, revision }: ReadOptions): number | undefined {
  if (token !== undefined) return token.revision < 0 ? undefined : token.revision;
  if (match === 'Exact') return revision;
  const legacyExact = match === '' && limit > 0 && revision !== undefined && revision > 0;
  return legacyExact ? revision : undefined;
}

/** Waits until the store has the revision. */
async function reach(parts: ListParts, revision: number): Promise<void> {
  const { revisions, freshnessTimeoutMs } = parts;
  if (await revisions.waitFor(revision, freshnessTimeoutMs)) return;
  throw new ApiError(tooLargeResourceVersion(revision, revisions.current));
}

function expired({ token }: ReadOptions): ApiError {
  if (token === undefined) return new ApiError(expiredList());
  return new ApiError(expiredContinue(encodeContinueToken(-1, `/${token.start}`)));
}

function rangeOf(
  state: readonly StoredObject[],
  { kind }: Collection,
  { options, selection }: Pick<ListParts, 'options' | 'selection'>,
): readonly StoredObject[] {
  const prefix = kind.namespaced && selection.namespace !== '' ? `${selection.namespace}/` : '';
  const from = lowerBound(state, prefix + (options.token?.start ?? ''));
  // '0' follows '/', so this is the first key after the namespace.
  const to = prefix === '' ? state.length : lowerBound(state, `${selection.namespace}0`);
  return state.slice(from, to);
}

function lowerBound(state: readonly StoredObject[], key: string): number {
  let low = 0;
  let high = state.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (state[middle].key < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

function nextToken(
  revision: number,
  last: StoredObject,
  { selection, collection }: Pick<ListParts, 'selection' | 'collection'>,
): string {
  const scoped = selection.namespace !== '' && collection.kind.namespaced;
  return encodeContinueToken(revision, `/${scoped ? last.facts.name : last.key}\0`);
}
