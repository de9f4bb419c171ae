/**
 * What one connection has to send: frames of control first, then data of its streams, a frame each in turn, in one write
 * of at most 64 KiB, and not before the last one was taken. So events of many watches cost one write, a large list holds
 * up nobody, and a client that does not read costs what its window and one write hold.
 *
 * All connections write from the same memory: a TLS socket that has nothing left to write encrypts a write before it
 * returns, or copies it (nodejs/node src/crypto/crypto_tls.cc, `TLSWrap::DoWrite`; fanout-measurements 1.5).
 */

import type { TLSSocket } from 'node:tls';
import { DEFAULT_WINDOW_BYTES, FRAME_HEAD_BYTES, MAX_WINDOW_BYTES } from './frame.ts';
import type { ServerStream } from './server-stream.ts';
import type { Flushable, WriteTurn } from './write-turn.ts';

/** A TLS connection keeps about as much memory as its largest write (fanout-measurements 2). */
const WRITE_BYTES = 64 * 1024;
/** A frame of less than this is not worth its head. */
const LEAST_ROOM = 1_024;
/** Heads of answers for all streams there may be, and nobody who takes them. */
const MAX_CONTROL_BYTES = 1024 * 1024;

const output = Buffer.allocUnsafeSlow(WRITE_BYTES);

export class SendQueue implements Flushable {
  readonly #socket: TLSSocket;
  readonly #turn: WriteTurn;
  #window = DEFAULT_WINDOW_BYTES;
  #control: Buffer[] = [];
  #controlBytes = 0;
  /** With something to send, in their turn. */
  readonly #streams: ServerStream[] = [];
  /** Those that wait for the write in flight. */
  #inWrite: ServerStream[] = [];
  #isWriting = false;
  #isArmed = false;
  #ends = false;

  constructor(socket: TLSSocket, turn: WriteTurn) {
    this.#socket = socket;
    this.#turn = turn;
  }

  /** More is queued than a client that reads would leave. */
  get isFlooded(): boolean {
    return this.#controlBytes > MAX_CONTROL_BYTES;
  }

  /** Somebody who has nothing to send yet may make something. */
  get hasRoom(): boolean {
    return this.#window > 0 && this.#streams.length === 0;
  }

  control(frame: Buffer): void {
    if (this.#ends) return;
    this.#control.push(frame);
    this.#controlBytes += frame.length;
    this.#arm();
  }

  enqueue(stream: ServerStream): void {
    if (stream.queued || this.#ends) return;
    stream.queued = true;
    this.#streams.push(stream);
    this.#arm();
  }

  /** `bytes` more may be sent; false when that is too many. */
  widen(bytes: number): boolean {
    this.#window += bytes;
    if (this.#window > MAX_WINDOW_BYTES) return false;
    if (this.#streams.length > 0) this.#arm();
    return true;
  }

  /** Closes the connection behind the control frames that are queued; nothing else is sent. */
  end(): void {
    this.#ends = true;
    this.#streams.length = 0;
    this.flush();
  }

  flush(): void {
    this.#isArmed = false;
    if (this.#isWriting || this.#socket.destroyed) return;
    const controlEnd = this.#fillControl();
    const isThrough = this.#control.length === 0 && !this.#ends;
    const end = isThrough ? this.#fillData(controlEnd) : controlEnd;
    if (end > 0) {
      this.#isWriting = true;
      this.#socket.write(output.subarray(0, end), this.#written);
    } else if (this.#inWrite.length > 0) {
      // Told with a head that went out before.
      this.#tellWritten();
    } else if (this.#ends) {
      this.#socket.destroySoon();
    }
  }

  #arm(): void {
    if (this.#isArmed || this.#isWriting) return;
    this.#isArmed = true;
    this.#turn.add(this);
  }

  #fillControl(): number {
    let at = 0;
    let taken = 0;
    for (const frame of this.#control) {
      if (at + frame.length > WRITE_BYTES) break;
      output.set(frame, at);
      at += frame.length;
      taken++;
    }
    // A head larger than a write goes in parts.
    if (taken === 0 && this.#control.length > 0) {
      const [first] = this.#control;
      output.set(first.subarray(0, WRITE_BYTES), 0);
      this.#control[0] = first.subarray(WRITE_BYTES);
      at = WRITE_BYTES;
    } else if (taken === this.#control.length) {
      this.#control = [];
    } else {
      this.#control.splice(0, taken);
    }
    this.#controlBytes -= at;
    return at;
  }

  #fillData(start: number): number {
    const streams = this.#streams;
    let at = start;
    for (let moved = true; moved;) {
      moved = false;
      for (let left = streams.length; left > 0; left--) {
        if (WRITE_BYTES - at < LEAST_ROOM) return at;
        const stream = streams.shift()!;
        const end = stream.take(output, at, WRITE_BYTES, this.#window);
        if (end > at) {
          this.#window -= end - at - FRAME_HEAD_BYTES;
          at = end;
          moved = true;
        }
        if (stream.awaitsWriting) this.#inWrite.push(stream);
        stream.queued = stream.sendable;
        if (stream.queued) streams.push(stream);
      }
    }
    return at;
  }

  /** One function per connection, not per write. */
  readonly #written = (error?: Error | null): void => {
    this.#isWriting = false;
    // 'close' follows.
    if (error) return;
    this.#tellWritten();
    this.flush();
  };

  #tellWritten(): void {
    const told = this.#inWrite;
    if (told.length === 0) return;
    this.#inWrite = [];
    for (const stream of told) stream.written();
  }
}
