/**
 * Follows one small collection (definitions, APIServices) and shows every object that comes by, so that discovery learns
 * of a change when it happens and not at its next refresh.
 *
 * Each watch begins with the objects there are, so nothing is kept between two of them: who listens compares with what it
 * knows. A deletion between two watches is not shown; `onOpen` says that one began. Never gives up: it waits and tries
 * again, for longer when upstream refuses the watch. The interval of discovery is the net under all this.
 */

import { FrameError, JsonFrames } from '../k8s/frames-json.ts';
import { asJson, childOf, textOf } from './read-json.ts';
import type { DocumentReader, Json } from './read-json.ts';

export interface CollectionWatchOptions {
  readonly path: string;
  readonly accept: string;
  /** Longest event. */
  readonly maxFrameBytes: number;
  /** Pause after a watch that broke or ended at once. */
  readonly retryMs: number;
  /** Pause after a watch that was refused: no right, no such path. */
  readonly refusedRetryMs: number;
  /** A watch began; deletions before it were not shown. */
  readonly onOpen: () => void;
  /** There was no answer, or it broke off. */
  readonly onBroken: () => void;
  /** An object as it is now, or as it was when it was deleted. Never a bookmark. */
  readonly onObject: (object: Json, deleted: boolean) => void;
}

/** As client-go asks, so that a connection nobody ended is not believed for ever. */
const WATCH_SECONDS = 300;
/** Upstream's bookmarks come every minute. */
const SILENCE_MS = 90_000;
/** A watch that ends sooner than this is not opened again at once. */
const SHORT_MS = 1_000;

export class CollectionWatch {
  readonly #reader: DocumentReader;
  readonly #options: CollectionWatchOptions;
  readonly #abort = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  constructor(reader: DocumentReader, options: CollectionWatchOptions) {
    this.#reader = reader;
    this.#options = options;
  }

  start(): void {
    if (this.#abort.signal.aborted) return;
    const began = performance.now();
    this.#follow().then(
      (outcome) => this.#again(outcome, performance.now() - began),
      () => this.#again('broken', 0),
    );
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#abort.abort();
  }

  #again(outcome: 'ended' | 'broken' | 'refused', lastedMs: number): void {
    if (this.#abort.signal.aborted) return;
    const { retryMs, refusedRetryMs, onBroken } = this.#options;
    if (outcome === 'broken') onBroken();
    const ended = outcome === 'ended' && lastedMs >= SHORT_MS ? 0 : retryMs;
    const delayMs = outcome === 'refused' ? refusedRetryMs : ended;
    this.#timer = setTimeout(() => this.start(), delayMs).unref();
  }

  async #follow(): Promise<'ended' | 'refused'> {
    const { path, accept, maxFrameBytes, onOpen } = this.#options;
    const query = `watch=1&allowWatchBookmarks=true&resourceVersion=0&timeoutSeconds=${WATCH_SECONDS}`;
    const { signal } = this.#abort;
    const { status, body } = await this.#reader.open(`${path}?${query}`, {
      headers: { accept },
      signal,
    });
    if (status !== 200) {
      body.on('error', ignore).destroy();
      return 'refused';
    }
    onOpen();
    const frames = new JsonFrames(maxFrameBytes);
    const silence = setTimeout(() => body.destroy(), SILENCE_MS).unref();
    try {
      for await (const chunk of body as AsyncIterable<Uint8Array>) {
        silence.refresh();
        frames.push(chunk, this.#onFrame);
      }
    } catch (error) {
      if (!(error instanceof FrameError) && !(error instanceof SyntaxError)) throw error;
    } finally {
      clearTimeout(silence);
      body.destroy();
    }
    return 'ended';
  }

  readonly #onFrame = (bytes: Uint8Array, start: number, end: number): void => {
    const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');
    const event = asJson(JSON.parse(text));
    const type = textOf(event, 'type');
    const object = childOf(event, 'object');
    const shown = type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED';
    if (shown && object !== undefined) this.#options.onObject(object, type === 'DELETED');
  };
}

function ignore(): void {
  // Its body is of no interest.
}
