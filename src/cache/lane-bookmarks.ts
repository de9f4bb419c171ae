/**
 * Bookmarks of one lane. What surrounds the revision in a bookmark differs per kind and release, so the first real one that
 * upstream sends is kept as the model of ours (semantics 4.5).
 */
import type { Bookmarks, ObjectForm } from '../k8s/encoding.ts';
import { StoredObject } from '../k8s/encoding.ts';
import type { ScannedObject } from './arena.ts';

export class LaneBookmarks {
  #model: StoredObject | undefined;
  readonly #made = new Map<ObjectForm, Bookmarks | undefined>();

  /** Takes a scanned bookmark as the model; later ones say nothing new. */
  learn(bytes: Uint8Array, scan: ScannedObject): void {
    if (this.#model !== undefined) return;
    const model = new StoredObject().take(bytes, scan);
    const start = scan.objectStart;
    model.bytes = Buffer.from(bytes.subarray(start, scan.objectEnd));
    model.start = 0;
    model.end -= start;
    model.metadataStart -= start;
    model.metadataEnd -= start;
    model.revisionStart -= start;
    model.revisionEnd -= start;
    this.#model = model;
  }

  /** Bookmarks in a form; undefined until upstream has shown one, or when it is of no known shape. */
  in(form: ObjectForm): Bookmarks | undefined {
    if (this.#model === undefined) return undefined;
    if (!this.#made.has(form)) this.#made.set(form, form.bookmarks(this.#model));
    return this.#made.get(form);
  }
}
