/**
 * The server's side of one HTTP/2 connection (RFC 9113): keeps its streams and windows, and hands each request on as a
 * `ServerStream`.
 *
 *   bytes -> frame reader, in turn -> header blocks -> streams -> handler, in turn
 *   answers -> streams -> send queue -> one write
 *
 * What its peer does wrong ends a stream or, with GOAWAY, the connection; what is not wrong but too much is told to the
 * owner, who knows the limits.
 */

import type { TLSSocket } from 'node:tls';
import { FoundRequests } from './found-requests.ts';
import { FrameReader, type FrameHandler, SLICE_COST } from './frame-reader.ts';
import {
  ConnectionError,
  DEFAULT_WINDOW_BYTES,
  ErrorCode,
  Flag,
  frame,
  FrameType,
  headersFrames,
  MAX_WINDOW_BYTES,
  numbersFrame,
  Setting,
  settingsFrame,
  unpadded,
  wrong,
  wrongSize,
} from './frame.ts';
import { type HeaderBlock, HeaderBlocks, PRIORITY_BYTES } from './header-blocks.ts';
import { encodeHead } from './hpack-encoder.ts';
import { readSettings } from './peer-settings.ts';
import { ReceiveWindow } from './receive-window.ts';
import { areTrailers, requestHead } from './request-head.ts';
import type { SessionEvents, SessionLimits, SessionTurns } from './session-options.ts';
import { SendQueue } from './send-queue.ts';
import { ServerStream, type StreamHost } from './server-stream.ts';

/** Of a frame that may begin a request. */
const REQUEST_COST = 8;
const EMPTY = Buffer.alloc(0);

export class ServerSession implements StreamHost, FrameHandler {
  readonly #limits: SessionLimits;
  readonly #events: SessionEvents;
  readonly #reader: FrameReader;
  readonly #queue: SendQueue;
  readonly #blocks: HeaderBlocks;
  readonly #streams = new Map<number, ServerStream>();
  readonly #found: FoundRequests;
  #maxConcurrentStreams: number;
  #lastStream = 0;
  #idleSinceMs = Date.now();
  /** No more streams are taken. */
  #isClosing = false;
  #ended = false;
  readonly #receiveWindow: ReceiveWindow;
  /** What may be sent on a new stream: the client's setting. */
  #initialWindow = DEFAULT_WINDOW_BYTES;
  /** The client said what table it keeps for us, and waits to hear that we know (RFC 7541 4.2). */
  #tableChanged = false;
  /** Requests so far, refused ones included. */
  requests = 0;

  constructor(
    socket: TLSSocket,
    limits: SessionLimits,
    turns: SessionTurns,
    events: SessionEvents,
  ) {
    this.#limits = limits;
    this.#events = events;
    this.#queue = new SendQueue(socket, turns.write);
    this.#blocks = new HeaderBlocks(limits.maxHeaderListBytes);
    this.#maxConcurrentStreams = limits.maxConcurrentStreams;
    this.#receiveWindow = new ReceiveWindow(limits.sessionWindowBytes);
    this.#reader = new FrameReader(socket, turns.read, this);
    this.#found = new FoundRequests({
      turns: turns.begin,
      begin: (stream) => this.#begin(stream),
      onRoom: () => this.#reader.goOn(),
    });
    socket.once('close', () => this.#lost());
    this.#sayHello();
  }

  /** Nothing is read any more: it failed, or all was said. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Since when there is no open stream; also the age of a session without any. */
  idleMs(nowMs: number): number {
    return this.#streams.size > 0 ? 0 : nowMs - this.#idleSinceMs;
  }

  /** How long a header block has been under way; 0 when there is none. */
  blockAgeMs(nowMs: number): number {
    return this.#blocks.ageMs(nowMs);
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
    if (this.ended || this.#isClosing) return;
    this.#isClosing = true;
    this.announceEnd(this.#lastStream);
    this.#endIfDone();
  }

  // What streams call.

  control(bytes: Buffer): void {
    this.#queue.control(bytes);
  }

  head(stream: ServerStream, status: number, rawHeaders: readonly string[], ends: boolean): void {
    const block = encodeHead(status, rawHeaders, this.#tableChanged);
    this.#tableChanged = false;
    this.#queue.control(headersFrames(stream.id, block, ends));
  }

  get hasRoom(): boolean {
    return this.#queue.hasRoom;
  }

  enqueue(stream: ServerStream): void {
    this.#queue.enqueue(stream);
  }

  consumed(bytes: number): void {
    const more = this.#receiveWindow.giveBack(bytes);
    if (more > 0) this.#queue.control(numbersFrame(FrameType.windowUpdate, 0, more));
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

  // What the frame reader calls.

  onFrame(type: number, flags: number, stream: number, payload: Buffer): number {
    this.#onFrame(type, flags, stream, payload);
    if (this.#found.isFull) return SLICE_COST;
    return type === FrameType.headers || type === FrameType.continuation ? REQUEST_COST : 1;
  }

  onSlice(isThrough: boolean): boolean {
    if (this.#queue.isFlooded) {
      throw new ConnectionError(ErrorCode.enhanceYourCalm, 'answers that are not read');
    }
    if (isThrough || this.#found.isFull) this.#found.handOn();
    return this.#found.hasRoom;
  }

  onError(error: ConnectionError): void {
    this.#queue.control(numbersFrame(FrameType.goaway, 0, this.#lastStream, error.code));
    this.#end();
    this.#events.onError(error);
  }

  #begin(stream: ServerStream): void {
    stream.known = true;
    this.#events.onStream(stream);
  }

  #onFrame(type: number, flags: number, stream: number, payload: Buffer): void {
    if (this.#blocks.isOpen && type !== FrameType.continuation) {
      throw wrong('a frame within a header block');
    }
    switch (type) {
      case FrameType.data:
        return this.#onDataFrame(flags, stream, payload);
      case FrameType.headers:
        return this.#onBlock(this.#blocks.begin(flags, stream, payload));
      case FrameType.continuation:
        return this.#onBlock(this.#blocks.continue(flags, stream, payload));
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

  #onBlock(block: HeaderBlock | undefined): void {
    if (block === undefined) return;
    const stream = this.#streams.get(block.stream);
    if (stream === undefined) this.#onRequest(block);
    else this.#onTrailers(stream, block);
  }

  #onTrailers(stream: ServerStream, { list, endStream }: HeaderBlock): void {
    if (!endStream || !areTrailers(list)) this.#resetStream(stream, ErrorCode.protocolError);
    else this.#refuseIfWrong(stream, stream.receiveEnd());
  }

  #onRequest({ stream: id, list, endStream }: HeaderBlock): void {
    if (id <= this.#lastStream) {
      throw new ConnectionError(ErrorCode.streamClosed, 'HEADERS on a stream that was closed');
    }
    this.#lastStream = id;
    this.requests++;
    if (this.#isClosing || this.#streams.size >= this.#maxConcurrentStreams) {
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
    this.#found.add(stream);
  }

  #onDataFrame(flags: number, id: number, payload: Buffer): void {
    this.#mustNotBeIdle(id);
    if (!this.#receiveWindow.take(payload.length)) {
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
    if (payload.length !== 4) throw wrongSize('RST_STREAM');
    this.#mustNotBeIdle(id);
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    stream.close();
    this.#events.onReset();
  }

  #onSettings(flags: number, stream: number, payload: Buffer): void {
    onlyOnConnection(stream);
    if ((flags & Flag.ack) !== 0) {
      if (payload.length > 0) throw wrongSize('SETTINGS');
      return;
    }
    const { initialWindow, tableChanged } = readSettings(payload);
    if (tableChanged) this.#tableChanged = true;
    if (initialWindow !== undefined) this.#setInitialWindow(initialWindow);
    this.#queue.control(frame(FrameType.settings, Flag.ack, 0, EMPTY));
    this.#events.onControlFrame();
  }

  #setInitialWindow(bytes: number): void {
    const change = bytes - this.#initialWindow;
    this.#initialWindow = bytes;
    for (const stream of this.#streams.values()) {
      if (!stream.widen(change)) throw tooWide();
    }
  }

  #onPing(flags: number, stream: number, payload: Buffer): void {
    onlyOnConnection(stream);
    if (payload.length !== 8) throw wrongSize('PING');
    if ((flags & Flag.ack) === 0) {
      this.#queue.control(frame(FrameType.ping, Flag.ack, 0, payload));
    }
    this.#events.onControlFrame();
  }

  #onWindowUpdate(id: number, payload: Buffer): void {
    if (payload.length !== 4) throw wrongSize('WINDOW_UPDATE');
    const bytes = payload.readUInt32BE(0) & MAX_WINDOW_BYTES;
    if (id === 0) {
      if (bytes === 0) throw wrong('a window that grows by nothing');
      if (!this.#queue.widen(bytes)) throw tooWide();
      return;
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
    if (payload.length !== PRIORITY_BYTES) throw wrongSize('PRIORITY');
    this.#events.onControlFrame();
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

  #endIfDone(): void {
    if (this.#isClosing && this.#streams.size === 0 && !this.ended) this.#end();
  }

  /** Says what is left to say, and closes. */
  #end(): void {
    this.#ended = true;
    this.#reader.end();
    this.#queue.end();
  }

  #lost(): void {
    this.#ended = true;
    this.#reader.end();
    for (const stream of this.#streams.values()) stream.close();
  }
}

function tooWide(): ConnectionError {
  return new ConnectionError(ErrorCode.flowControlError, 'a window beyond what there is');
}

function onlyOnConnection(stream: number): void {
  if (stream !== 0) throw wrong('a frame of the connection on a stream');
}
