/** One HTTP/1.1 connection of the load client: GETs one after another, chunked or counted bodies. */
import type { TLSSocket } from 'node:tls';
import type { BodyReader, ClientConnection, RequestHead } from './body-reader.ts';

const NEWLINE = 0x0a;

type State =
  | { readonly kind: 'idle' }
  | { readonly kind: 'head' }
  /** Line with a chunk's size. */
  | { readonly kind: 'size' }
  /** Bytes of a chunk or of a counted body; then its line end, or the end. */
  | { readonly kind: 'bytes'; readonly chunked: boolean }
  /** Line end behind a chunk. */
  | { readonly kind: 'gap' }
  /** Lines behind the last chunk. */
  | { readonly kind: 'trailer' };

export class Http1Connection implements ClientConnection {
  readonly #socket: TLSSocket;
  readonly #head: RequestHead;
  readonly #stalled: boolean;
  #reader: BodyReader | undefined;
  #state: State = { kind: 'idle' };
  #text = '';
  #left = 0;

  constructor(socket: TLSSocket, head: RequestHead, stalled: boolean) {
    this.#socket = socket;
    this.#head = head;
    this.#stalled = stalled;
  }

  get(path: string, reader: BodyReader): void {
    if (this.#reader !== undefined) throw new Error('HTTP/1.1 takes one request at a time');
    this.#reader = reader;
    this.#state = { kind: 'head' };
    const { authority, token } = this.#head;
    this.#socket.write(
      `GET ${path} HTTP/1.1\r\nHost: ${authority}\r\nAuthorization: Bearer ${token}\r\n` +
        'Accept: application/json\r\nUser-Agent: watershed-bench\r\n\r\n',
    );
  }

  receive(bytes: Buffer, length: number): void {
    let at = 0;
    while (at < length) {
      if (this.#state.kind === 'bytes') at = this.#body(bytes, at, length);
      else at = this.#line(bytes, at, length);
    }
  }

  closed(): void {
    this.#end('broken');
  }

  #body(bytes: Buffer, at: number, length: number): number {
    const end = Math.min(length, at + this.#left);
    this.#reader?.data(bytes, at, end);
    this.#left -= end - at;
    if (this.#left === 0 && this.#state.kind === 'bytes') {
      if (this.#state.chunked) this.#state = { kind: 'gap' };
      else this.#end('complete');
    }
    return end;
  }

  #line(bytes: Buffer, at: number, length: number): number {
    const newline = bytes.indexOf(NEWLINE, at);
    const whole = newline >= 0 && newline < length;
    const end = whole ? newline + 1 : length;
    this.#text += bytes.toString('latin1', at, end);
    if (!whole) return end;
    if (this.#state.kind === 'head' && !this.#text.endsWith('\r\n\r\n')) return end;
    const text = this.#text;
    this.#text = '';
    if (this.#state.kind === 'head') this.#answer(text);
    else if (this.#state.kind === 'gap') this.#state = { kind: 'size' };
    else if (this.#state.kind === 'size') this.#size(Number.parseInt(text, 16));
    else if (this.#state.kind === 'trailer' && text === '\r\n') this.#end('complete');
    return end;
  }

  #answer(head: string): void {
    this.#reader?.status(Number(head.slice(9, 12)));
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    if (length === undefined) this.#state = { kind: 'size' };
    else {
      this.#left = Number(length);
      this.#state = { kind: 'bytes', chunked: false };
      if (this.#left === 0) this.#end('complete');
    }
    if (this.#stalled) this.#socket.pause();
  }

  #size(bytes: number): void {
    this.#left = bytes;
    this.#state = bytes === 0 ? { kind: 'trailer' } : { kind: 'bytes', chunked: true };
  }

  #end(how: 'complete' | 'broken'): void {
    const reader = this.#reader;
    this.#reader = undefined;
    this.#state = { kind: 'idle' };
    reader?.ended(how);
  }
}
