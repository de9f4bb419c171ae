/**
 * Takes one watch response apart and hands its events to a lane: chunk -> frames -> scan -> append.
 *
 * Used by the reflector for its main stream (with a load, when the stream begins with the current state) and by the
 * freshness proofs for their short ones. It says how the stream ended and decides nothing. Per event it allocates
 * nothing. A silent stream is given up after a bound; nothing else here waits.
 */

import type { Frames, Scanner } from '../k8s/encoding.ts';
import { FrameError } from '../k8s/frames-json.ts';
import { parseRevisionBytes } from '../k8s/revision.ts';
import {
  EVENT_ADDED,
  EVENT_BOOKMARK,
  EVENT_DELETED,
  EVENT_ERROR,
  EVENT_MODIFIED,
} from '../k8s/scan-json.ts';
import type { Clock, Timer } from './clock.ts';
import type { IngestCounters } from './ingest-counters.ts';
import type { LaneLoad, LaneWriter } from './lane-writer.ts';
import { reasonOf, type ReadBody } from './upstream-reader.ts';

export type StreamEnd =
  /** Upstream ended it, as it does at every timeout. */
  | { readonly kind: 'clean' }
  /** The connection broke. */
  | { readonly kind: 'cut'; readonly reason: string }
  /** Nothing was heard for `silenceMs`. */
  | { readonly kind: 'silent' }
  /** Something that is no event of this lane. */
  | { readonly kind: 'garbage'; readonly reason: string }
  /** The stream began like a list but not as one that will be marked as complete. */
  | { readonly kind: 'unmarked'; readonly reason: string }
  /** An ERROR event. */
  | {
      readonly kind: 'error';
      readonly code: number;
      readonly retryAfterMs: number;
      readonly reason: string;
    };

export interface FollowOptions {
  readonly clock: Clock;
  /** No bytes for this long end the stream. */
  readonly silenceMs: number;
  /** The same once a load is finished; default silenceMs. */
  readonly silenceAfterLoadMs?: number;
  /** A longer frame ends the stream as garbage. */
  readonly maxFrameBytes: number;
  /** Fires when the stream is wanted no longer. */
  readonly signal: AbortSignal;
  /** Called after each chunk that held an event or a bookmark. */
  readonly onProgress: () => void;
  /** Called once when the load was finished by the mark. */
  readonly onLoaded?: () => void;
  /** Asked before each chunk; false ends the stream as if it had been cut. */
  readonly stillWanted?: () => boolean;
}

export class Follow {
  readonly #writer: LaneWriter;
  readonly #scan: Scanner;
  readonly #counters: IngestCounters;
  readonly #options: FollowOptions;
  #silenceMs: number;
  #load: LaneLoad | undefined;
  #end: StreamEnd | undefined;
  #moved = false;

  /** @param load where ADDED events go until the bookmark that marks the end of the initial ones. */
  constructor(
    writer: LaneWriter,
    scan: Scanner,
    counters: IngestCounters,
    options: FollowOptions & { readonly load?: LaneLoad },
  ) {
    this.#writer = writer;
    this.#scan = scan;
    this.#counters = counters;
    this.#options = options;
    this.#silenceMs = options.silenceMs;
    this.#load = options.load;
  }

  /** The load was not finished: its owner must abandon it. */
  get loading(): boolean {
    return this.#load !== undefined;
  }

  /** Reads the body to its end or to the first thing that ends it; the body is destroyed then. */
  async run(body: ReadBody): Promise<StreamEnd> {
    const { clock } = this.#options;
    const frames = this.#writer.codec.encoding.makeFrames(this.#options.maxFrameBytes);
    let heardAtMs = clock.now();
    let silent = false;
    let timer: Timer;
    // One timer per silence, not per chunk: it looks at when bytes last came and sleeps for the rest.
    const watchSilence = (): void => {
      const leftMs = heardAtMs + this.#silenceMs - clock.now();
      if (leftMs > 0) {
        timer = clock.timer(leftMs, watchSilence);
        return;
      }
      silent = true;
      body.destroy();
    };
    timer = clock.timer(this.#silenceMs, watchSilence);
    try {
      for await (const chunk of body) {
        heardAtMs = clock.now();
        this.#counters.bytes += chunk.length;
        if (this.#options.stillWanted?.() === false) break;
        this.#take(frames, chunk, heardAtMs);
        if (this.#end !== undefined) return this.#end;
      }
    } catch (error) {
      if (error instanceof LaneFault) throw error.cause;
      return silent ? { kind: 'silent' } : { kind: 'cut', reason: reasonOf(error) };
    } finally {
      timer.cancel();
      body.destroy();
    }
    if (silent) return { kind: 'silent' };
    if (this.#options.signal.aborted || this.#options.stillWanted?.() === false) {
      return { kind: 'cut', reason: 'no longer wanted' };
    }
    return { kind: 'clean' };
  }

  #take(frames: Frames, chunk: Uint8Array, nowMs: number): void {
    this.#moved = false;
    try {
      frames.push(chunk, this.#onFrame);
    } catch (error) {
      if (!(error instanceof FrameError)) throw new LaneFault(error);
      this.#garbage(error.message);
    }
    if (this.#moved) {
      this.#counters.lastEventAtMs = nowMs;
      this.#options.onProgress();
    }
  }

  readonly #onFrame = (bytes: Uint8Array, start: number, end: number): void => {
    if (this.#end !== undefined) return;
    const scan = this.#scan;
    if (!scan.scanEvent(bytes, start, end)) {
      this.#garbage(scan.problem);
      return;
    }
    if (scan.eventType === EVENT_ERROR) {
      this.#error(bytes);
      return;
    }
    const revision = parseRevisionBytes(bytes, scan.revisionStart, scan.revisionEnd);
    if (revision <= 0) {
      this.#garbage('an event without a usable resourceVersion');
      return;
    }
    if (scan.eventType === EVENT_BOOKMARK) {
      this.#bookmark(bytes, revision);
      return;
    }
    if (scan.nameStart === scan.nameEnd) {
      this.#garbage('an event without a name');
      return;
    }
    this.#event(bytes);
  };

  #event(bytes: Uint8Array): void {
    const scan = this.#scan;
    const counters = this.#counters;
    this.#moved = true;
    if (this.#load !== undefined) {
      if (scan.eventType !== EVENT_ADDED) {
        // Releases before 1.32 mix live events in before the mark; a load cannot express them.
        this.#end = { kind: 'unmarked', reason: 'a change came before the end of the list' };
        return;
      }
      counters.listed++;
      this.#load.add(bytes, scan);
      return;
    }
    if (scan.eventType === EVENT_MODIFIED) counters.modified++;
    else if (scan.eventType === EVENT_ADDED) counters.added++;
    else if (scan.eventType === EVENT_DELETED) counters.deleted++;
    this.#writer.append(scan.eventType, bytes, scan);
  }

  #bookmark(bytes: Uint8Array, revision: number): void {
    const scan = this.#scan;
    this.#counters.bookmarks++;
    this.#moved = true;
    this.#writer.learnBookmark(bytes, scan);
    const load = this.#load;
    if (load === undefined) {
      this.#writer.progress(revision);
      return;
    }
    if (!scan.initialEventsEnd) {
      this.#end = { kind: 'unmarked', reason: 'an ordinary bookmark came before the mark' };
      return;
    }
    this.#load = undefined;
    this.#silenceMs = this.#options.silenceAfterLoadMs ?? this.#silenceMs;
    load.finish(revision);
    this.#options.onLoaded?.();
  }

  #error(bytes: Uint8Array): void {
    const scan = this.#scan;
    this.#counters.errors++;
    const { encoding } = this.#writer.codec;
    const message = encoding.text(bytes, scan.statusMessageStart, scan.statusMessageEnd);
    const expired = encoding.text(bytes, scan.statusReasonStart, scan.statusReasonEnd);
    this.#end = {
      kind: 'error',
      code: expired === 'Expired' || expired === 'Gone' ? 410 : scan.statusCode,
      retryAfterMs: scan.statusRetryAfterSeconds * 1000,
      reason: message === '' ? `upstream sent an error event (${scan.statusCode})` : message,
    };
  }

  #garbage(reason: string): void {
    this.#counters.garbage++;
    this.#end = { kind: 'garbage', reason };
  }
}

/** Wraps what a lane threw, so that it is not taken for a broken connection. */
class LaneFault extends Error {
  constructor(cause: unknown) {
    super('the lane failed', { cause });
  }
}
