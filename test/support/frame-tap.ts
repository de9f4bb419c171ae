/**
 * A Duplex in front of a socket that lets an HTTP/2 client run over it while the test sees the frames
 * that really came over the wire (a client library hides a RST_STREAM on a closed stream), and that
 * can be told to stop reading.
 */
import { Duplex } from 'node:stream';
import type { Socket } from 'node:net';

export interface ReceivedFrame {
  /** RFC 9113 6: 0 DATA, 1 HEADERS, 3 RST_STREAM, 4 SETTINGS, 6 PING, 7 GOAWAY, 8 WINDOW_UPDATE. */
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  /** Error code of RST_STREAM and GOAWAY, else 0. */
  readonly code: number;
  /** Last stream id of a GOAWAY, else 0. */
  readonly lastStream: number;
  readonly length: number;
}

const FRAME_HEAD = 9;

export class FrameTap extends Duplex {
  readonly frames: ReceivedFrame[] = [];
  readonly #socket: Socket;
  #rest = Buffer.alloc(0);
  #stalled = false;

  constructor(socket: Socket) {
    super();
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#record(chunk);
      if (!this.push(chunk)) socket.pause();
    });
    socket.on('end', () => this.push(null));
    socket.on('error', (error) => this.destroy(error));
    socket.on('close', () => this.destroy());
  }

  stall(): void {
    this.#stalled = true;
    this.#socket.pause();
  }

  unstall(): void {
    this.#stalled = false;
    this.#socket.resume();
  }

  override _read(): void {
    if (!this.#stalled) this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }

  #record(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= FRAME_HEAD) {
      const length = this.#rest.readUIntBE(0, 3);
      if (this.#rest.length < FRAME_HEAD + length) return;
      this.frames.push(parseFrame(this.#rest, length));
      this.#rest = this.#rest.subarray(FRAME_HEAD + length);
    }
  }
}

function parseFrame(bytes: Buffer, length: number): ReceivedFrame {
  const type = bytes[3];
  let code = 0;
  if (type === 3) code = bytes.readUInt32BE(FRAME_HEAD);
  if (type === 7) code = bytes.readUInt32BE(FRAME_HEAD + 4);
  return {
    type,
    flags: bytes[4],
    stream: bytes.readUInt32BE(5) & 0x7fffffff,
    code,
    lastStream: type === 7 ? bytes.readUInt32BE(FRAME_HEAD) & 0x7fffffff : 0,
    length,
  };
}
