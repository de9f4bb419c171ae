/**
 * Cuts what a connection sends into frames, a slice at a time and in turn with other connections, so that one that floods
 * waits for itself. While frames wait for their turn nothing is read from the network.
 *
 *   idle --bytes--> queued --turn--> slice --all read--> idle
 *                      ^                |--more----------> queued
 *                      |                '--told to hold--> held --goOn--> queued
 *                      '----------------------------------------'
 */

import type { TLSSocket } from 'node:tls';
import {
  ConnectionError,
  ErrorCode,
  Flag,
  FRAME_HEAD_BYTES,
  FrameType,
  MAX_FRAME_BYTES,
  MAX_STREAM_ID,
  PREFACE,
  wrong,
} from './frame.ts';

/**
 * Runs `work` now, or in a later turn of the loop when this one has no time left; each source in its turn. `work` says
 * whether it took time worth counting.
 */
export interface Turns {
  add(source: object, work: () => boolean): void;
}

export interface FrameHandler {
  /**
   * Takes a frame; returns what that cost, `SLICE_COST` or more to end the slice.
   *
   * @throws ConnectionError
   */
  onFrame(type: number, flags: number, stream: number, payload: Buffer): number;
  /**
   * A slice is over; `isThrough`: with all that came. False holds the reader until `goOn`.
   *
   * @throws ConnectionError
   */
  onSlice(isThrough: boolean): boolean;
  onError(error: ConnectionError): void;
}

/** Read in one go: half a millisecond or less. A frame of a few bytes costs 1. */
export const SLICE_COST = 64;
/** Less is not worth counting: a window that was widened, a PING. Thousands of watchers send them at once. */
const WORTH_COUNTING = 4;
const EMPTY = Buffer.alloc(0);

export class FrameReader {
  readonly #socket: TLSSocket;
  readonly #turns: Turns;
  readonly #handler: FrameHandler;
  #expects: 'preface' | 'settings' | 'frames' | 'nothing' = 'preface';
  #phase: 'idle' | 'queued' | 'held' = 'idle';
  #isPaused = false;
  #input: Buffer = EMPTY;

  constructor(socket: TLSSocket, turns: Turns, handler: FrameHandler) {
    this.#socket = socket;
    this.#turns = turns;
    this.#handler = handler;
    socket.on('data', (chunk: Buffer) => this.#onBytes(chunk));
  }

  /** Goes on behind a slice that held it. */
  goOn(): void {
    if (this.#phase === 'held' && !this.#isOver()) this.#queue();
  }

  /** Reads nothing any more; what still comes is dropped. */
  end(): void {
    this.#expects = 'nothing';
    this.#input = EMPTY;
  }

  #isOver(): boolean {
    return this.#expects === 'nothing' || this.#socket.destroyed;
  }

  #onBytes(chunk: Buffer): void {
    if (this.#isOver()) return;
    this.#input = this.#input.length === 0 ? chunk : Buffer.concat([this.#input, chunk]);
    if (this.#phase === 'idle') this.#queue();
  }

  #queue(): void {
    this.#phase = 'queued';
    this.#turns.add(this, this.#read);
    if (!this.#isIdle() && !this.#isPaused) {
      this.#isPaused = true;
      this.#socket.pause();
    }
  }

  /** It may have been read at once. */
  #isIdle(): boolean {
    return this.#phase === 'idle';
  }

  readonly #read = (): boolean => {
    if (this.#isOver()) return false;
    try {
      const left = this.#slice();
      const isThrough = left > 0;
      const goesOn = this.#handler.onSlice(isThrough);
      if (this.#isOver()) return true;
      if (!goesOn) this.#phase = 'held';
      else if (isThrough) this.#rest();
      else this.#queue();
      return SLICE_COST - left >= WORTH_COUNTING;
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      this.#handler.onError(error);
    }
    return true;
  };

  #rest(): void {
    this.#phase = 'idle';
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#socket.resume();
  }

  /** What is left of a slice's cost when all that came is read; 0 when there is more. */
  #slice(): number {
    for (let left = SLICE_COST; left > 0 && !this.#isOver();) {
      const cost = this.#expects === 'preface' ? this.#preface() : this.#frame();
      if (cost === 0) return left;
      left -= cost;
    }
    return 0;
  }

  /** What it cost, or 0 when it is not all there. */
  #preface(): number {
    const here = Math.min(this.#input.length, PREFACE.length);
    if (PREFACE.compare(this.#input, 0, here, 0, here) !== 0) throw wrong('no HTTP/2 preface');
    if (here < PREFACE.length) return 0;
    this.#input = this.#input.subarray(here);
    this.#expects = 'settings';
    return 1;
  }

  #frame(): number {
    const input = this.#input;
    if (input.length < FRAME_HEAD_BYTES) return 0;
    const length = input.readUIntBE(0, 3);
    if (length > MAX_FRAME_BYTES) {
      throw new ConnectionError(ErrorCode.frameSizeError, `a frame of ${length} bytes`);
    }
    const end = FRAME_HEAD_BYTES + length;
    if (input.length < end) return 0;
    const type = input[3];
    const flags = input[4];
    const stream = input.readUInt32BE(5) & MAX_STREAM_ID;
    this.#input = end === input.length ? EMPTY : input.subarray(end);
    if (this.#expects === 'settings') {
      if (type !== FrameType.settings || (flags & Flag.ack) !== 0) throw wrong('no SETTINGS first');
      this.#expects = 'frames';
    }
    return this.#handler.onFrame(type, flags, stream, input.subarray(FRAME_HEAD_BYTES, end));
  }
}
