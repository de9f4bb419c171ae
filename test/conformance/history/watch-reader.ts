// A client that watches: starts in every way there is, gives up at random, reads slowly at times, and
// goes on where it stopped, as informers do.

import { setTimeout as sleep } from 'node:timers/promises';
import { acceptOf, answeredForm, drawSelection, pathOf } from './ask.ts';
import type { Ask, Parameters } from './ask.ts';
import { countRefusal, list, repeat } from './reader.ts';
import type { ReaderParts } from './reader.ts';
import { forms, revisionOf } from './records.ts';
import type { End, WatchRecord, WatchStart } from './records.ts';
import type { Answer } from './stream-client.ts';
import { decoderOf } from './wire.ts';
import { writtenResources } from './writers.ts';

/** A watch asked for. */
interface Plan {
  readonly start: WatchStart;
  readonly parameters: Parameters;
  readonly bookmarks: boolean;
}

const refusedPauseMs = 300;
const maxAttempts = 20;
const maxSegments = 6;
const leastTimeoutSeconds = 4;
const mostTimeoutSeconds = 60;
const mostWatchedMs = 40_000;
const mostStalledMs = 6_000;
const farBack = 2_000;

export class WatchReader {
  readonly #parts: ReaderParts;
  #answer: Answer | undefined;
  /** The watch that is open now. */
  record: WatchRecord | undefined;
  /** Reads without pauses, so that everything can come to rest. */
  steady = false;

  constructor(parts: ReaderParts) {
    this.#parts = parts;
  }

  get parts(): ReaderParts {
    return this.#parts;
  }

  /** Ends after the watch that is open when it is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    await repeat(this.#parts, signal, async () => {
      const ask = this.#draw();
      if (ask === undefined) await sleep(refusedPauseMs);
      else await this.#life(ask, signal);
    });
  }

  cancel(): void {
    this.#answer?.cancel();
  }

  #draw(): Ask | undefined {
    const { random, hushed } = this.#parts;
    const resource = random.pick(writtenResources);
    const form = random.pick(forms);
    const selection = drawSelection(random, resource);
    return hushed.has(resource) ? undefined : { resource, form, selection };
  }

  /** A start and some resumptions. */
  async #life(ask: Ask, signal: AbortSignal): Promise<void> {
    const { random, tally } = this.#parts;
    let plan = await this.#drawStart(ask);
    for (let segment = 0; plan !== undefined && segment < maxSegments; segment++) {
      const record = await this.#watch(ask, plan, signal);
      if (record === undefined || signal.aborted) return;
      if (this.#parts.hushed.has(ask.resource)) return;
      plan = random.chance(85) ? this.#resumption(record) : undefined;
      if (plan !== undefined) tally.add('watches resumed');
      if (random.chance(30)) await sleep(random.below(2_000));
    }
  }

  async #drawStart(ask: Ask): Promise<Plan | undefined> {
    const { random, truth } = this.#parts;
    const known = truth.head;
    const kind = random.weighted([
      ['list', 35],
      ['streamed', 30],
      ['plain', 10],
      ['unmarked', 4],
      ['now', 6],
      ['past', 15],
    ] as const);
    switch (kind) {
      case 'list': {
        const revision = random.chance(50) ? 0 : undefined;
        const limit = random.chance(50) ? random.between(3, 20) : 0;
        const listed = await list(this.#parts, ask, { revision, match: undefined, limit });
        if (listed?.complete !== true) return undefined;
        return after(listed.record.pages[0].revision, random.chance(85));
      }
      case 'streamed': {
        const revision = random.pick([undefined, 0, Math.max(1, known - random.below(20))]);
        const parameters = {
          sendInitialEvents: 'true',
          resourceVersionMatch: 'NotOlderThan',
          resourceVersion: revision,
        };
        return initial(parameters, revision ?? known, true);
      }
      case 'plain':
      case 'unmarked': {
        const revision = random.chance(50) ? 0 : undefined;
        return initial({ resourceVersion: revision }, revision ?? known, kind === 'plain');
      }
      case 'now': {
        const revision = random.chance(50) ? 0 : undefined;
        const match = 'NotOlderThan';
        const parameters = { sendInitialEvents: 'false', resourceVersionMatch: match };
        return {
          start: { kind: 'now', atLeast: revision ?? known },
          parameters: { ...parameters, resourceVersion: revision },
          bookmarks: random.chance(50),
        };
      }
      case 'past': {
        const back = random.below(random.chance(70) ? 100 : farBack);
        return after(Math.max(1, known - back), random.chance(85));
      }
    }
  }

  /** Where an informer would go on, or at an earlier place it has been at. */
  #resumption(record: WatchRecord): Plan | undefined {
    const { random } = this.#parts;
    const { frames, start, bookmarks } = record;
    if (frames.some(({ kind }) => kind === 'error')) return undefined;
    const mark = frames.findIndex((frame) => frame.kind === 'bookmark' && frame.initialEnd);
    if (start.kind === 'initial' && mark < 0) return undefined;
    const places = frames.slice(Math.max(0, mark)).map(revisionOf);
    if (start.kind === 'after') places.unshift(start.revision);
    if (places.length === 0) return undefined;
    const place = random.chance(85) ? (places.at(-1) ?? 0) : random.pick(places);
    return after(place, bookmarks);
  }

  /** Opens a watch and records it to its end; undefined when it is refused for good. */
  async #watch(ask: Ask, plan: Plan, signal: AbortSignal): Promise<WatchRecord | undefined> {
    const { random, client, tally } = this.#parts;
    const path = pathOf(ask, {
      watch: 1,
      ...plan.parameters,
      allowWatchBookmarks: plan.bookmarks ? 'true' : undefined,
      timeoutSeconds: random.between(leastTimeoutSeconds, mostTimeoutSeconds),
    });
    for (let attempt = 0; attempt < maxAttempts && !signal.aborted; attempt++) {
      const beganMs = performance.now();
      try {
        const answer = await client.open(path, { accept: acceptOf(ask.form, 'watch') });
        if (answer.status === 200) {
          return await this.#record(ask, plan, path, { answer, beganMs }, signal);
        }
        if (!(await this.#mayTryAgain(ask, path, answer))) return undefined;
      } catch {
        tally.add('watch without an answer');
      }
      await sleep(refusedPauseMs);
    }
    return undefined;
  }

  /** Informers try again at the same place after 429, and when they are told when; else they list. */
  async #mayTryAgain({ form }: Ask, path: string, answer: Answer): Promise<boolean> {
    const { judging, tally } = this.#parts;
    const { status, contentType, retryAfter } = answer;
    const chunks: Buffer[] = [];
    answer.start((chunk) => chunks.push(chunk));
    const end = await answer.ended;
    await countRefusal(this.#parts, 'watch', status);
    if (status < 500) return status === 429;
    const isWhole = end === 'clean';
    const body = Buffer.concat(chunks);
    const message = isWhole ? decoderOf(form, contentType).status(body).message : end;
    tally.add(`watch answered ${status}: ${message.slice(0, 60)}`);
    if (retryAfter === '') judging.found('error', `watch ${path} answered ${status} ${message}`);
    return true;
  }

  async #record(
    ask: Ask,
    plan: Plan,
    path: string,
    { answer, beganMs }: { answer: Answer; beganMs: number },
    signal: AbortSignal,
  ): Promise<WatchRecord> {
    const { judging, target, protocol, tally } = this.#parts;
    const form = answeredForm(ask.form, answer.contentType);
    const record: WatchRecord = {
      kind: 'watch',
      label: `${path} (${form}, ${protocol})`,
      ...ask,
      form,
      beganMs,
      start: plan.start,
      bookmarks: plan.bookmarks,
      frames: [],
      end: 'open',
      endedMs: Infinity,
    };
    const decoder = decoderOf(form, answer.contentType);
    answer.start((chunk) => {
      try {
        record.frames.push(...decoder.frames(chunk));
      } catch (error) {
        judging.found('content', `${record.label}: ${String(error)}`, record);
        answer.cancel();
      }
    });
    this.#answer = answer;
    this.record = record;
    const stopPlaying = this.#play(answer, signal);
    const end: End = await answer.ended;
    stopPlaying();
    this.record = undefined;
    record.end = end;
    record.endedMs = performance.now();
    tally.add('watches');
    if (end === 'clean' && decoder.rest > 0) {
      judging.found('content', `${record.label}: ends within a frame`, record);
    }
    judging.submit(record, target);
    return record;
  }

  /** Gives up at some moment, and reads in starts before, perhaps; returns what ends this. */
  #play(answer: Answer, signal: AbortSignal): () => void {
    const { random } = this.#parts;
    const cancel = (): void => answer.cancel();
    const timers = new Set<NodeJS.Timeout>();
    const later = (ms: number, action: () => void): void => {
      const timer = setTimeout(() => {
        timers.delete(timer);
        action();
      }, ms);
      timers.add(timer);
    };
    if (random.chance(60)) later(random.between(10, mostWatchedMs), () => !this.steady && cancel());
    if (random.chance(15)) {
      const stall = (): void => {
        if (!this.steady) answer.pause();
        later(random.between(200, mostStalledMs), () => {
          answer.resume();
          later(random.below(500), stall);
        });
      };
      later(random.below(2_000), stall);
    }
    signal.addEventListener('abort', cancel);
    return () => {
      signal.removeEventListener('abort', cancel);
      for (const timer of timers) clearTimeout(timer);
    };
  }
}

function after(revision: number, bookmarks: boolean): Plan {
  return {
    start: { kind: 'after', revision },
    parameters: { resourceVersion: revision },
    bookmarks,
  };
}

function initial(parameters: Parameters, atLeast: number, bookmarks: boolean): Plan {
  return { start: { kind: 'initial', atLeast }, parameters, bookmarks };
}
