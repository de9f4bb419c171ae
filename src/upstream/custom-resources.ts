/**
 * CustomResourceDefinitions as far as the cache needs them: which resources are custom (their bytes
 * have sorted keys), which fields may be selected, and when a definition changes.
 *
 * Definitions are large (schemas), so each refresh lists their metadata only and fetches a
 * definition when its generation is new: one by one, or as a paged list when many are (the first
 * time).
 */

import type { PagedReader } from './paged-list.ts';
import { childOf, objectsOf, textOf } from './read-json.ts';
import type { Json } from './read-json.ts';

export interface CustomResource {
  /** uid and generation: another value means another definition. */
  readonly identity: string;
  /** Served versions, each with the jsonPaths of its selectable fields (`.spec.color`). */
  readonly selectable: ReadonlyMap<string, readonly string[]>;
  /** Kind of its lists; a definition may name it freely. */
  readonly listKind: string;
}

export type CustomResources =
  /** By `plural.group`, the name every definition must have. */
  | { readonly kind: 'known'; readonly byName: ReadonlyMap<string, CustomResource> }
  | { readonly kind: 'refused'; readonly status: number };

const PATH = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

const METADATA =
  'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json';

/** Up to this many new definitions are fetched one by one. */
const MAX_SINGLE_READS = 8;

/** Definitions per page: up to about 100 KiB each, parsed in some milliseconds together. */
const FULL_PAGE = 10;
const METADATA_PAGE = 100;

export class CustomResourceSource {
  readonly #reader: PagedReader;
  #known = new Map<string, CustomResource>();

  constructor(reader: PagedReader) {
    this.#reader = reader;
  }

  /** Throws UpstreamError when they cannot be read right now. */
  async read(signal: AbortSignal): Promise<CustomResources> {
    const seen = new Map<string, string>();
    const found = new Map<string, CustomResource>();
    const list = { path: PATH, pageSize: METADATA_PAGE, accept: METADATA, signal };
    const outcome = await this.#reader.each(list, (item) => {
      const identity = identityOf(item);
      const name = textOf(childOf(item, 'metadata'), 'name');
      seen.set(name, identity);
      // A server without this representation sends whole objects.
      const known = this.#known.get(name);
      if (childOf(item, 'spec') !== undefined) {
        found.set(name, definitionOf(item));
      } else if (known?.identity === identity) {
        found.set(name, known);
      }
    });
    if (outcome.kind === 'refused') {
      this.#known = new Map();
      return outcome;
    }
    await this.#fetchMissing(
      [...seen.keys()].filter((name) => !found.has(name)),
      found,
      signal,
    );
    this.#known = found;
    return { kind: 'known', byName: found };
  }

  async #fetchMissing(
    missing: readonly string[],
    into: Map<string, CustomResource>,
    signal: AbortSignal,
  ): Promise<void> {
    const take = (item: Json): void => {
      into.set(textOf(childOf(item, 'metadata'), 'name'), definitionOf(item));
    };
    if (missing.length > MAX_SINGLE_READS) {
      await this.#reader.each({ path: PATH, pageSize: FULL_PAGE, signal }, take);
      return;
    }
    for (const name of missing) {
      const item = await this.#reader.one(`${PATH}/${encodeURIComponent(name)}`, signal);
      if (item !== undefined) {
        take(item);
      }
    }
  }
}

function identityOf(item: Json): string {
  const metadata = childOf(item, 'metadata');
  return `${textOf(metadata, 'uid')}/${String(metadata?.['generation'])}`;
}

function definitionOf(item: Json): CustomResource {
  const selectable = new Map<string, readonly string[]>();
  for (const version of objectsOf(childOf(item, 'spec'), 'versions')) {
    if (version['served'] === true) {
      const paths = objectsOf(version, 'selectableFields').map((f) => textOf(f, 'jsonPath'));
      selectable.set(
        textOf(version, 'name'),
        paths.filter((path) => path !== ''),
      );
    }
  }
  const listKind = textOf(childOf(childOf(item, 'spec'), 'names'), 'listKind');
  return { identity: identityOf(item), selectable, listKind };
}
