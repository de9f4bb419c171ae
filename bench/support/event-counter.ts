/**
 * Reads one watch's body: counts its lines, checks that the stamps of each lane rise by one, takes delays. Allocates
 * nothing per event. A line whose stamp is cut by a chunk's edge is counted and its number believed; the next one of its
 * lane is checked again.
 */
import type { BodyEnd, BodyReader } from './body-reader.ts';
import type { Delays } from './delays.ts';
import { LANES, STAMP_REACH, laneAt, numberAt, timeUsAt } from './stamp.ts';

const NEWLINE = 0x0a;

/** What all watchers of a client share. */
export interface Tally {
  /** Events received by watchers that do read. */
  events: number;
  bytes: number;
  answered: number;
  refused: number;
  ended: number;
  /** Events that did not follow their predecessor, and one of them in words. */
  misplaced: number;
  firstProblem: string;
  /** Every nth event gives its delay. */
  sampleEvery: number;
  readonly delays: Delays;
  /** Of the chunk being read. */
  nowUs: number;
  /** Called when `events` grew. */
  onProgress: () => void;
}

export class EventCounter implements BodyReader {
  readonly #tally: Tally;
  readonly #last = new Float64Array(LANES);
  /** Lines whose stamp was cut since the lanes were last seen. */
  #unseen = 0;
  #untilSample = 1;
  events = 0;

  constructor(tally: Tally) {
    this.#tally = tally;
  }

  status(code: number): void {
    if (code === 200) this.#tally.answered++;
    else this.#tally.refused++;
  }

  data(bytes: Buffer, start: number, end: number): void {
    const tally = this.#tally;
    let lines = 0;
    let at = start;
    while (at < end) {
      const newline = bytes.indexOf(NEWLINE, at);
      if (newline < 0 || newline >= end) break;
      lines++;
      const stamp = newline - STAMP_REACH;
      if (stamp >= start) this.#check(bytes, stamp);
      else this.#unseen++;
      at = newline + 1;
    }
    this.events += lines;
    tally.events += lines;
    tally.bytes += end - start;
    if (lines > 0) tally.onProgress();
  }

  ended(_how: BodyEnd): void {
    this.#tally.ended++;
  }

  #check(bytes: Buffer, stamp: number): void {
    const tally = this.#tally;
    const lane = laneAt(bytes, stamp);
    const number = numberAt(bytes, stamp);
    const expected = this.#last[lane] + 1;
    if (number !== expected && (number < expected || number - expected > this.#unseen)) {
      tally.misplaced++;
      if (tally.firstProblem === '') {
        tally.firstProblem = `writer ${lane}: number ${number} came where ${expected} was due`;
      }
    }
    this.#unseen -= Math.max(0, number - expected);
    this.#last[lane] = number;
    if (--this.#untilSample > 0) return;
    this.#untilSample = tally.sampleEvery;
    tally.delays.record(tally.nowUs - timeUsAt(bytes, stamp));
  }
}
