/**
 * One HTTP/2 connection of the load client with any number of GETs. Window updates are sent as Go's client does, which
 * kubelets and controllers use: once 4 KiB were read, for the stream and for the connection (golang.org/x/net/http2
 * flow.go, inflowMinRefresh), here gathered into one write per chunk that the socket gave.
 */
import type { TLSSocket } from 'node:tls';
import type { BodyReader, ClientConnection, RequestHead } from './body-reader.ts';
import {
  ACK,
  DATA,
  DEFAULT_WINDOW,
  END_STREAM,
  FRAME_HEADER,
  GOAWAY,
  HEADERS,
  PING,
  RST_STREAM,
  SETTINGS,
  frame,
  getFrame,
  opening,
  statusOf,
  windowUpdate,
} from './http2-frames.ts';

/** What Go's client offers (transportDefaultStreamFlow, transportDefaultConnFlow). */
const STREAM_WINDOW = 4 * 1024 ** 2;
const CONNECTION_WINDOW = 1024 ** 3;
const MIN_REFRESH = 4 * 1024;

export class Http2Connection implements ClientConnection {
  readonly #socket: TLSSocket;
  readonly #head: RequestHead;
  /** Never gives window back: the server may send 64 KiB and then has to wait for ever. */
  readonly #stalled: boolean;
  readonly #readers: (BodyReader | undefined)[] = [];
  /** Bytes read and not given back, per stream. */
  #owed = new Int32Array(32);
  readonly #dirty: number[] = [];
  #owedByConnection = 0;
  readonly #frameHeader = Buffer.alloc(FRAME_HEADER);
  #headerLength = 0;
  #left = 0;
  #type = -1;
  #flags = 0;
  #stream = 0;
  /** Payload of a frame other than DATA. */
  #payload: Buffer[] = [];

  constructor(socket: TLSSocket, head: RequestHead, stalled: boolean) {
    this.#socket = socket;
    this.#head = head;
    this.#stalled = stalled;
    socket.write(
      stalled ? opening(DEFAULT_WINDOW, DEFAULT_WINDOW) : opening(STREAM_WINDOW, CONNECTION_WINDOW),
    );
  }

  get(path: string, reader: BodyReader): void {
    const index = this.#readers.push(reader) - 1;
    if (index >= this.#owed.length) {
      const owed = new Int32Array(this.#owed.length * 2);
      owed.set(this.#owed);
      this.#owed = owed;
    }
    this.#socket.write(getFrame(index * 2 + 1, path, this.#head));
  }

  receive(bytes: Buffer, length: number): void {
    let at = 0;
    while (at < length) {
      if (this.#type < 0) {
        at = this.#readHeader(bytes, at, length);
        if (this.#type < 0) continue;
      }
      const end = Math.min(length, at + this.#left);
      if (this.#type === DATA) this.#data(bytes, at, end);
      else if (end > at) this.#payload.push(Buffer.from(bytes.subarray(at, end)));
      this.#left -= end - at;
      at = end;
      if (this.#left === 0) this.#frameDone();
    }
    if (!this.#stalled && this.#owedByConnection >= MIN_REFRESH) this.#giveBack();
  }

  closed(): void {
    for (let i = 0; i < this.#readers.length; i++) this.#end(i, 'broken');
  }

  #readHeader(bytes: Buffer, at: number, length: number): number {
    const taken = Math.min(FRAME_HEADER - this.#headerLength, length - at);
    bytes.copy(this.#frameHeader, this.#headerLength, at, at + taken);
    this.#headerLength += taken;
    if (this.#headerLength < FRAME_HEADER) return at + taken;
    const header = this.#frameHeader;
    this.#headerLength = 0;
    this.#left = (header[0] << 16) | (header[1] << 8) | header[2];
    this.#type = header[3];
    this.#flags = header[4];
    this.#stream = ((header[5] & 0x7f) << 24) | (header[6] << 16) | (header[7] << 8) | header[8];
    if (this.#left === 0) this.#frameDone();
    return at + taken;
  }

  #data(bytes: Buffer, at: number, end: number): void {
    const index = this.#stream >> 1;
    if (this.#owed[index] === 0) this.#dirty.push(index);
    this.#owed[index] += end - at;
    this.#owedByConnection += end - at;
    this.#readers[index]?.data(bytes, at, end);
  }

  #frameDone(): void {
    const type = this.#type;
    this.#type = -1;
    const index = this.#stream >> 1;
    if (type === HEADERS) {
      this.#readers[index]?.status(statusOf(Buffer.concat(this.#payload)));
    } else if (type === RST_STREAM) {
      this.#end(index, 'broken');
    } else if (type === SETTINGS && (this.#flags & ACK) === 0) {
      this.#socket.write(frame(SETTINGS, ACK, 0, Buffer.alloc(0)));
    } else if (type === PING && (this.#flags & ACK) === 0) {
      this.#socket.write(frame(PING, ACK, 0, Buffer.concat(this.#payload)));
    } else if (type === GOAWAY) {
      // Streams go on until the server ends them.
    }
    if ((type === DATA || type === HEADERS) && (this.#flags & END_STREAM) !== 0) {
      this.#end(index, 'complete');
    }
    if (this.#payload.length > 0) this.#payload = [];
  }

  #end(index: number, how: 'complete' | 'broken'): void {
    const reader = this.#readers[index];
    this.#readers[index] = undefined;
    reader?.ended(how);
  }

  #giveBack(): void {
    const frames = [windowUpdate(0, this.#owedByConnection)];
    this.#owedByConnection = 0;
    let kept = 0;
    for (const index of this.#dirty) {
      if (this.#owed[index] < MIN_REFRESH) this.#dirty[kept++] = index;
      else {
        frames.push(windowUpdate(index * 2 + 1, this.#owed[index]));
        this.#owed[index] = 0;
      }
    }
    this.#dirty.length = kept;
    this.#socket.write(frames.length === 1 ? frames[0] : Buffer.concat(frames));
  }
}
