/**
 * CustomResourceDefinitions as far as the cache needs them: which resources are custom (their bytes
 * have sorted keys), which fields may be selected, and when a definition changes.
 *
 * Definitions are large (schemas), so each refresh lists their metadata only and fetches a
 * definition when its revision is new: one by one, or as a paged list when many are (the first
 * time). A definition counts as another one when its spec or its accepted names are, which is when
 * the apiserver itself ends its watches and begins anew; the mere mark of a deletion is not.
 */

import { createHash } from 'node:crypto';
import type { PagedReader } from './paged-list.ts';
import { childOf, objectsOf, textOf } from './read-json.ts';
import type { Json } from './read-json.ts';

export interface CustomResource {
  /** Another text means another definition. */
  readonly identity: string;
  /** Another text means that it must be read again, to see whether it is another definition. */
  readonly edition: string;
  /** Served versions, each with the jsonPaths of its selectable fields (`.spec.color`). */
  readonly selectable: ReadonlyMap<string, readonly string[]>;
  /** Kind of its lists; a definition may name it freely. */
  readonly listKind: string;
}

export type CustomResources =
  /** By `plural.group`, the name every definition must have. */
  | { readonly kind: 'known'; readonly byName: ReadonlyMap<string, CustomResource> }
  | { readonly kind: 'refused'; readonly status: number };

/** Where definitions are. */
export const DEFINITIONS_PATH = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

const METADATA =
  'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json';

/** How to ask for a watch of their metadata. */
export const DEFINITIONS_WATCH_ACCEPT =
  'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json';

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

  /** Whether what a watch showed is something that the latest reading did not. */
  isNews(item: Json, deleted: boolean): boolean {
    const known = this.#known.get(textOf(childOf(item, 'metadata'), 'name'));
    if (known === undefined || deleted) return (known !== undefined) === deleted;
    return known.edition !== editionOf(item);
  }

  /** Throws UpstreamError when they cannot be read right now. */
  async read(signal: AbortSignal): Promise<CustomResources> {
    const seen = new Map<string, string>();
    const found = new Map<string, CustomResource>();
    const list = { path: DEFINITIONS_PATH, pageSize: METADATA_PAGE, accept: METADATA, signal };
    const outcome = await this.#reader.each(list, (item) => {
      const edition = editionOf(item);
      const name = textOf(childOf(item, 'metadata'), 'name');
      seen.set(name, edition);
      // A server without this representation sends whole objects.
      const known = this.#known.get(name);
      if (childOf(item, 'spec') !== undefined) {
        found.set(name, definitionOf(item));
      } else if (known?.edition === edition) {
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
      await this.#reader.each({ path: DEFINITIONS_PATH, pageSize: FULL_PAGE, signal }, take);
      return;
    }
    for (const name of missing) {
      const item = await this.#reader.one(
        `${DEFINITIONS_PATH}/${encodeURIComponent(name)}`,
        signal,
      );
      if (item !== undefined) {
        take(item);
      }
    }
  }
}

function editionOf(item: Json): string {
  const metadata = childOf(item, 'metadata');
  const generation = String(metadata?.['generation']);
  return `${textOf(metadata, 'uid')}/${generation}/${textOf(metadata, 'resourceVersion')}`;
}

function definitionOf(item: Json): CustomResource {
  const selectable = new Map<string, readonly string[]>();
  const spec = childOf(item, 'spec');
  for (const version of objectsOf(spec, 'versions')) {
    if (version['served'] === true) {
      const paths = objectsOf(version, 'selectableFields').map((f) => textOf(f, 'jsonPath'));
      selectable.set(
        textOf(version, 'name'),
        paths.filter((path) => path !== ''),
      );
    }
  }
  const accepted = childOf(childOf(item, 'status'), 'acceptedNames');
  const listKind = textOf(accepted, 'listKind') || textOf(childOf(spec, 'names'), 'listKind');
  const digest = createHash('sha256')
    .update(JSON.stringify([spec, accepted]))
    .digest('base64');
  const identity = `${textOf(childOf(item, 'metadata'), 'uid')}/${digest}`;
  return { identity, edition: editionOf(item), selectable, listKind };
}
