/**
 * The server's side of one HTTP/2 connection (RFC 9113): reads frames, keeps its streams and their windows, and hands
 * each request on as a `ServerStream`.
 *
 *   bytes -> slices of frames, in turn with other connections -> header blocks -> streams -> handler
 *   answers -> streams -> send queue -> one write
 *
 * A frame costs what it is worth and no more: so many in a turn of the loop, requests counting more, so that a connection
 * that floods waits for itself. What its peer does wrong ends a stream or, with GOAWAY, the connection; what is not wrong
 * but too much is told to the owner, who knows the limits.
 */

import type { TLSSocket } from 'node:tls';
import {
  ConnectionError,
  DEFAULT_WINDOW_BYTES,
  ErrorCode,
  Flag,
  frame,
  FRAME_HEAD_BYTES,
  FrameType,
  MAX_FRAME_BYTES,
  MAX_WINDOW_BYTES,
  numbersFrame,
  PREFACE,
  Setting,
  settingsFrame,
} from './frame.ts';
import { type HeaderList, HpackDecoder } from './hpack-decoder.ts';
import { areTrailers, requestHead } from './request-head.ts';
import { SendQueue } from './send-queue.ts';
import { ServerStream, type StreamHost } from './server-stream.ts';
import type { WriteTurn } from './write-turn.ts';

export interface SessionLimits {
  /** Streams open at once. */
  readonly maxConcurrentStreams: number;
  /** Of one header list, compressed or not; more in a block ends the connection, more behind it only the request. */
  readonly maxHeaderListBytes: number;
  /** What a client may send before it is read. */
  readonly streamWindowBytes: number;
  readonly sessionWindowBytes: number;
}

/** Runs `work` now, or in a later turn of the loop when this one has no time left; each source in its turn. */
export interface Turns {
  add(source: object, work: () => boolean): void;
}

/** Of all sessions of a port. */
export interface SessionTurns {
  readonly write: WriteTurn;
  readonly read: Turns;
  /** Requests are begun in it. */
  readonly begin: Turns;
}

export interface SessionEvents {
  onStream(stream: ServerStream): void;
  onStreamClose(): void;
  /** A frame that asks for nothing but an answer of a few bytes, or for nothing at all. */
  onControlFrame(): void;
  /** The client gave a stream up, or one was refused. */
  onReset(): void;
  /** The connection cannot go on: what its peer did. */
  onError(error: ConnectionError): void;
}

/** Read in one go: half a millisecond or less. */
const SLICE_COST = 64;
const REQUEST_COST = 8;
/** Requests of a connection that are read and not begun; the others wait as bytes, most of them in the network. */
const MAX_WAITING = 16;
const EMPTY = Buffer.alloc(0);
const PRIORITY_BYTES = 5;
/** Frames of one header block; clients fill them, and need one for 16 KiB. */
const MAX_BLOCK_FRAMES = 32;

/** HEADERS and the CONTINUATION behind it, which nothing may come between. */
interface HeaderBlock {
  readonly stream: number;
  readonly endStream: boolean;
  readonly parts: Buffer[];
  readonly sinceMs: number;
  bytes: number;
}

export class ServerSession implements StreamHost {
  readonly #socket: TLSSocket;
  readonly #limits: SessionLimits;
  readonly #events: SessionEvents;
  readonly #turns: SessionTurns;
  readonly #queue: SendQueue;
  readonly #decoder: HpackDecoder;
  readonly #streams = new Map<number, ServerStream>();
  /** In what is being read; not yet handed on, since what is given up in the same packet was never asked. */
  #found: ServerStream[] = [];
  /** Handed on, and not begun. */
  #waiting = 0;
  /** So many that nothing is read until some have begun. */
  #isHeld = false;
  #phase: 'preface' | 'settings' | 'open' | 'ended' = 'preface';
  #maxConcurrentStreams: number;
  #lastStream = 0;
  #idleSinceMs = Date.now();
  /** Streams above it are not taken any more; undefined while all are. */
  #goneAt: number | undefined;
  // Receiving.
  #input: Buffer = EMPTY;
  /** Frames wait for their turn. */
  #isQueued = false;
  #isPaused = false;
  #block: HeaderBlock | undefined;
  #receiveLeft: number;
  #returned = 0;
  /** Requests so far, refused ones included. */
  requests = 0;
  /** What new streams may send: the client's setting. */
  #initialWindow = DEFAULT_WINDOW_BYTES;

  constructor(
    socket: TLSSocket,
    limits: SessionLimits,
    turns: SessionTurns,
    events: SessionEvents,
  ) {
    this.#socket = socket;
    this.#limits = limits;
    this.#events = events;
    this.#turns = turns;
    this.#queue = new SendQueue(socket, turns.write);
    this.#decoder = new HpackDecoder(limits.maxHeaderListBytes);
    this.#maxConcurrentStreams = limits.maxConcurrentStreams;
    this.#receiveLeft = limits.sessionWindowBytes;
    socket.on('data', (chunk: Buffer) => this.#onBytes(chunk));
    socket.once('close', () => this.#lost());
    this.#sayHello();
  }

  /** Nothing is read any more: it failed, or all was said. */
  get ended(): boolean {
    return this.#phase === 'ended';
  }

  /** Since when there is no open stream; also the age of a session without any. */
  idleMs(nowMs: number): number {
    return this.#streams.size > 0 ? 0 : nowMs - this.#idleSinceMs;
  }

  /** How long a header block has been under way; 0 when there is none. */
  blockAgeMs(nowMs: number): number {
    return this.#block === undefined ? 0 : nowMs - this.#block.sinceMs;
  }

  setMaxConcurrentStreams(streams: number): void {
    this.#maxConcurrentStreams = streams;
    this.#queue.control(settingsFrame({ [Setting.maxConcurrentStreams]: streams }));
  }

  /** GOAWAY: streams above `lastStream` will not be taken; those below are. */
  announceEnd(lastStream: number): void {
    if (this.ended) return;
    this.#queue.control(numbersFrame(FrameType.goaway, 0, lastStream, ErrorCode.noError));
  }

  /** No more streams; the connection closes behind the last one. */
  close(): void {
    if (this.ended || this.#goneAt !== undefined) return;
    this.#goneAt = this.#lastStream;
    this.announceEnd(this.#goneAt);
    this.#endIfDone();
  }

  // What streams call.

  control(bytes: Buffer): void {
    this.#queue.control(bytes);
  }

  enqueue(stream: ServerStream): void {
    this.#queue.enqueue(stream);
  }

  consumed(bytes: number): void {
    this.#returned += bytes;
    if (this.ended || this.#returned < this.#limits.sessionWindowBytes / 2) return;
    this.#queue.control(numbersFrame(FrameType.windowUpdate, 0, this.#returned));
    this.#receiveLeft += this.#returned;
    this.#returned = 0;
  }

  closed(stream: ServerStream): void {
    this.#streams.delete(stream.id);
    this.#idleSinceMs = Date.now();
    if (stream.known) this.#events.onStreamClose();
    this.#endIfDone();
  }

  #sayHello(): void {
    const { maxConcurrentStreams, maxHeaderListBytes, streamWindowBytes, sessionWindowBytes } =
      this.#limits;
    this.#queue.control(
      settingsFrame({
        [Setting.maxConcurrentStreams]: maxConcurrentStreams,
        [Setting.initialWindowSize]: streamWindowBytes,
        [Setting.maxHeaderListSize]: maxHeaderListBytes,
      }),
    );
    const more = sessionWindowBytes - DEFAULT_WINDOW_BYTES;
    if (more > 0) this.#queue.control(numbersFrame(FrameType.windowUpdate, 0, more));
  }

  #onBytes(chunk: Buffer): void {
    if (this.ended) return;
    this.#input = this.#input.length === 0 ? chunk : Buffer.concat([this.#input, chunk]);
    if (!this.#isQueued) this.#queueRead();
  }

  /** Reads now or in its turn, and nothing more from the network until then. */
  #queueRead(): void {
    this.#isQueued = true;
    this.#turns.read.add(this, this.#read);
    if (!this.#isQueued || this.#isPaused) return;
    this.#isPaused = true;
    this.#socket.pause();
  }

  /** A slice of what came; the rest waits for its turn. */
  readonly #read = (): boolean => {
    if (this.#isOver()) return false;
    try {
      const isThrough = this.#slice();
      if (isThrough || this.#isFull()) this.#handOn();
      if (this.#isOver()) return true;
      this.#isHeld = this.#waiting >= MAX_WAITING;
      if (this.#isHeld) return true;
      if (isThrough) this.#goOn();
      else this.#queueRead();
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      this.#fail(error);
    }
    return true;
  };

  /** Whether that was all that came. */
  #slice(): boolean {
    for (let left = SLICE_COST; left > 0 && !this.#isOver() && !this.#isFull();) {
      const cost = this.#next();
      if (cost === 0) return true;
      left -= cost;
    }
    return false;
  }

  #isFull(): boolean {
    if (this.#found.length < MAX_WAITING) return false;
    this.#found = this.#found.filter(({ closed }) => !closed);
    return this.#found.length >= MAX_WAITING;
  }

  #handOn(): void {
    const found = this.#found;
    if (found.length === 0) return;
    this.#found = [];
    this.#waiting += found.length;
    for (const stream of found) this.#turns.begin.add(this, () => this.#begin(stream));
  }

  /** Whether there was anything to do. */
  #begin(stream: ServerStream): boolean {
    this.#waiting--;
    const isWanted = !stream.closed;
    if (isWanted) {
      stream.known = true;
      this.#events.onStream(stream);
    }
    if (this.#isHeld && this.#waiting < MAX_WAITING && !this.#isOver()) {
      this.#isHeld = false;
      this.#queueRead();
    }
    return isWanted;
  }

  #goOn(): void {
    this.#isQueued = false;
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#socket.resume();
  }

  /** A limit or a handler may have ended it. */
  #isOver(): boolean {
    return this.ended || this.#socket.destroyed;
  }

  /** Reads one frame; what it cost, or 0 when there is no whole one. */
  #next(): number {
    const input = this.#input;
    if (this.#phase === 'preface') return this.#preface();
    if (input.length < FRAME_HEAD_BYTES) return 0;
    const length = (input[0] << 16) | (input[1] << 8) | input[2];
    if (length > MAX_FRAME_BYTES) {
      throw new ConnectionError(ErrorCode.frameSizeError, `a frame of ${length} bytes`);
    }
    const end = FRAME_HEAD_BYTES + length;
    if (input.length < end) return 0;
    const [type, flags] = [input[3], input[4]];
    const stream = input.readUInt32BE(5) & MAX_WINDOW_BYTES;
    this.#input = end === input.length ? EMPTY : input.subarray(end);
    if (this.#phase === 'settings') {
      if (type !== FrameType.settings || (flags & Flag.ack) !== 0) throw wrong('no SETTINGS first');
      this.#phase = 'open';
    }
    this.#onFrame(type, flags, stream, input.subarray(FRAME_HEAD_BYTES, end));
    return type === FrameType.headers || type === FrameType.continuation ? REQUEST_COST : 1;
  }

  #preface(): number {
    const here = Math.min(this.#input.length, PREFACE.length);
    if (PREFACE.compare(this.#input, 0, here, 0, here) !== 0) throw wrong('no HTTP/2 preface');
    if (here < PREFACE.length) return 0;
    this.#input = this.#input.subarray(here);
    this.#phase = 'settings';
    return 1;
  }

  #onFrame(type: number, flags: number, stream: number, payload: Buffer): void {
    if (this.#block !== undefined && type !== FrameType.continuation) {
      throw wrong('a frame within a header block');
    }
    switch (type) {
      case FrameType.data:
        return this.#onDataFrame(flags, stream, payload);
      case FrameType.headers:
        return this.#onHeaders(flags, stream, payload);
      case FrameType.continuation:
        return this.#onContinuation(flags, stream, payload);
      case FrameType.rstStream:
        return this.#onRstStream(stream, payload);
      case FrameType.settings:
        return this.#onSettings(flags, stream, payload);
      case FrameType.ping:
        return this.#onPing(flags, stream, payload);
      case FrameType.windowUpdate:
        return this.#onWindowUpdate(stream, payload);
      case FrameType.priority:
        return this.#onPriority(stream, payload);
      case FrameType.goaway:
        return onlyOnConnection(stream);
      case FrameType.pushPromise:
        throw wrong('PUSH_PROMISE from a client');
      default:
        // What is not known is not answered (RFC 9113 4.1).
        this.#events.onControlFrame();
        return undefined;
    }
  }

  #onHeaders(flags: number, stream: number, payload: Buffer): void {
    if (stream % 2 === 0) throw wrong('HEADERS on a stream of the server');
    let block = unpadded(flags, payload);
    if ((flags & Flag.priority) !== 0) {
      if (block.length < PRIORITY_BYTES) throw badSize('HEADERS');
      if ((block.readUInt32BE(0) & MAX_WINDOW_BYTES) === stream)
        throw wrong('a stream upon itself');
      block = block.subarray(PRIORITY_BYTES);
    }
    const endStream = (flags & Flag.endStream) !== 0;
    this.#block = { stream, endStream, parts: [], sinceMs: Date.now(), bytes: 0 };
    this.#addToBlock(flags, block);
  }

  #onContinuation(flags: number, stream: number, payload: Buffer): void {
    if (this.#block === undefined || this.#block.stream !== stream) {
      throw wrong('CONTINUATION of nothing');
    }
    this.#addToBlock(flags, payload);
  }

  #addToBlock(flags: number, part: Buffer): void {
    const block = this.#block!;
    block.bytes += part.length;
    const isTooMuch =
      block.bytes > this.#limits.maxHeaderListBytes || block.parts.length === MAX_BLOCK_FRAMES;
    if (isTooMuch) {
      throw new ConnectionError(ErrorCode.enhanceYourCalm, 'a header block beyond the limit');
    }
    const ends = (flags & Flag.endHeaders) !== 0;
    // What waits for its end must not keep the memory that it came in.
    block.parts.push(ends ? part : Buffer.from(part));
    if (!ends) return;
    this.#block = undefined;
    const { parts, stream, endStream } = block;
    const list = this.#decoder.decode(parts.length === 1 ? parts[0] : Buffer.concat(parts));
    const open = this.#streams.get(stream);
    if (open !== undefined) this.#onTrailers(open, list, endStream);
    else this.#onRequest(stream, list, endStream);
  }

  #onTrailers(stream: ServerStream, list: HeaderList, endStream: boolean): void {
    if (!endStream || !areTrailers(list)) this.#resetStream(stream, ErrorCode.protocolError);
    else this.#refuseIfWrong(stream, stream.receiveEnd());
  }

  #onRequest(id: number, list: HeaderList, endStream: boolean): void {
    if (id <= this.#lastStream) {
      throw new ConnectionError(ErrorCode.streamClosed, 'HEADERS on a stream that was closed');
    }
    this.#lastStream = id;
    this.requests++;
    if (this.#goneAt !== undefined || this.#streams.size >= this.#maxConcurrentStreams) {
      this.#refuse(id, ErrorCode.refusedStream);
      return;
    }
    const head = requestHead(list);
    const isEmpty = head?.contentLength === undefined || head.contentLength === 0;
    if (head === undefined || (endStream && !isEmpty)) {
      this.#refuse(id, ErrorCode.protocolError);
      return;
    }
    const stream = new ServerStream(this, {
      id,
      head,
      endStream,
      sendWindow: this.#initialWindow,
      receiveWindow: this.#limits.streamWindowBytes,
    });
    this.#streams.set(id, stream);
    this.#found.push(stream);
  }

  #onDataFrame(flags: number, id: number, payload: Buffer): void {
    this.#mustNotBeIdle(id);
    this.#receiveLeft -= payload.length;
    if (this.#receiveLeft < 0) {
      throw new ConnectionError(
        ErrorCode.flowControlError,
        'more than the window of the connection',
      );
    }
    const data = unpadded(flags, payload);
    const ends = (flags & Flag.endStream) !== 0;
    if (data.length === 0 && !ends) this.#events.onControlFrame();
    const stream = this.#streams.get(id);
    if (stream === undefined) {
      // Sent before its sender knew of the end.
      this.consumed(payload.length);
      return;
    }
    const code = stream.receive(data, payload.length, ends);
    if (code !== ErrorCode.noError) this.consumed(payload.length);
    this.#refuseIfWrong(stream, code);
  }

  #onRstStream(id: number, payload: Buffer): void {
    if (payload.length !== 4) throw badSize('RST_STREAM');
    this.#mustNotBeIdle(id);
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    stream.close();
    this.#events.onReset();
  }

  #onSettings(flags: number, stream: number, payload: Buffer): void {
    onlyOnConnection(stream);
    const isAck = (flags & Flag.ack) !== 0;
    if (payload.length % 6 !== 0 || (isAck && payload.length > 0)) throw badSize('SETTINGS');
    if (isAck) return;
    for (let at = 0; at < payload.length; at += 6) {
      this.#onSetting(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
    }
    this.#queue.control(frame(FrameType.settings, Flag.ack, 0, EMPTY));
    this.#onControlFrame();
  }

  #onSetting(setting: number, value: number): void {
    if (setting === Setting.enablePush && value > 1) throw wrong('ENABLE_PUSH');
    if (setting === Setting.maxFrameSize && (value < MAX_FRAME_BYTES || value >= 2 ** 24)) {
      throw wrong('MAX_FRAME_SIZE');
    }
    if (setting !== Setting.initialWindowSize) return;
    if (value > MAX_WINDOW_BYTES) {
      throw new ConnectionError(ErrorCode.flowControlError, 'INITIAL_WINDOW_SIZE');
    }
    const change = value - this.#initialWindow;
    this.#initialWindow = value;
    for (const stream of this.#streams.values()) {
      if (!stream.widen(change)) {
        throw new ConnectionError(ErrorCode.flowControlError, 'a window beyond what there is');
      }
    }
  }

  #onPing(flags: number, stream: number, payload: Buffer): void {
    onlyOnConnection(stream);
    if (payload.length !== 8) throw badSize('PING');
    if ((flags & Flag.ack) === 0) {
      this.#queue.control(frame(FrameType.ping, Flag.ack, 0, payload));
    }
    this.#onControlFrame();
  }

  #onWindowUpdate(id: number, payload: Buffer): void {
    if (payload.length !== 4) throw badSize('WINDOW_UPDATE');
    const bytes = payload.readUInt32BE(0) & MAX_WINDOW_BYTES;
    if (id === 0) {
      if (bytes === 0) throw wrong('a window that grows by nothing');
      if (this.#queue.widen(bytes)) return;
      throw new ConnectionError(ErrorCode.flowControlError, 'a window beyond what there is');
    }
    this.#mustNotBeIdle(id);
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    if (bytes === 0) this.#resetStream(stream, ErrorCode.protocolError);
    else if (!stream.widen(bytes)) this.#resetStream(stream, ErrorCode.flowControlError);
  }

  /** Of the older specification; nothing is done with it. */
  #onPriority(stream: number, payload: Buffer): void {
    if (stream === 0) throw wrong('PRIORITY on the connection');
    if (payload.length !== PRIORITY_BYTES) throw badSize('PRIORITY');
    this.#onControlFrame();
  }

  #onControlFrame(): void {
    this.#events.onControlFrame();
    if (this.#queue.isFlooded) {
      throw new ConnectionError(ErrorCode.enhanceYourCalm, 'answers that are not read');
    }
  }

  #mustNotBeIdle(id: number): void {
    if (id === 0) throw wrong('a frame of a stream on the connection');
    if (id % 2 === 0 || id > this.#lastStream) throw wrong('a frame on a stream that is idle');
  }

  #refuseIfWrong(stream: ServerStream, code: number): void {
    if (code !== ErrorCode.noError) this.#resetStream(stream, code);
  }

  #resetStream(stream: ServerStream, code: number): void {
    stream.reset(code);
    this.#events.onReset();
  }

  /** A stream that is over before it began. */
  #refuse(id: number, code: number): void {
    this.#queue.control(numbersFrame(FrameType.rstStream, id, code));
    this.#events.onReset();
    this.#endIfDone();
  }

  #fail(error: ConnectionError): void {
    const goaway = numbersFrame(FrameType.goaway, 0, this.#lastStream, error.code);
    this.#queue.control(goaway);
    this.#end();
    this.#events.onError(error);
  }

  #endIfDone(): void {
    if (this.#goneAt !== undefined && this.#streams.size === 0 && !this.ended) this.#end();
  }

  /** Says what is left to say, and closes. */
  #end(): void {
    this.#phase = 'ended';
    this.#input = EMPTY;
    this.#block = undefined;
    this.#queue.end();
  }

  #lost(): void {
    this.#phase = 'ended';
    this.#input = EMPTY;
    for (const stream of this.#streams.values()) stream.close();
  }
}

function unpadded(flags: number, payload: Buffer): Buffer {
  if ((flags & Flag.padded) === 0) return payload;
  const end = payload.length - payload[0];
  if (payload.length === 0 || end < 1) throw wrong('padding beyond the frame');
  return payload.subarray(1, end);
}

function onlyOnConnection(stream: number): void {
  if (stream !== 0) throw wrong('a frame of the connection on a stream');
}

function wrong(what: string): ConnectionError {
  return new ConnectionError(ErrorCode.protocolError, what);
}

function badSize(what: string): ConnectionError {
  return new ConnectionError(ErrorCode.frameSizeError, `${what} of a wrong length`);
}
