// Reads one HTTP/1.1 response as it comes. It knows what two well-behaved servers send and no more:
// lengths, chunks, and bodies that end with the connection. An upgrade is over with its head.

import { maxBodyBytes } from './answer.ts';

const HEAD_END = Buffer.from('\r\n\r\n');
const LINE_END = Buffer.from('\r\n');

export class ResponseReader {
  status = 0;
  done = false;
  readonly #isHead: boolean;
  #headers = new Map<string, string>();
  #rest: Buffer = Buffer.alloc(0);
  #body: Buffer[] = [];
  #bodyBytes = 0;
  /** Octets of the body, or of the chunk, that are still to come; undefined: until the connection ends. */
  #left: number | undefined = 0;
  #chunked = false;
  #inTrailer = false;

  constructor(method: string) {
    this.#isHead = method === 'HEAD';
  }

  get body(): Buffer {
    return Buffer.concat(this.#body);
  }

  /** Whether the end of the connection is the end of the body. */
  get endsByClose(): boolean {
    return this.status !== 0 && this.#left === undefined;
  }

  get keepsConnection(): boolean {
    const said = this.header('connection')?.toLowerCase() ?? '';
    return this.done && this.status !== 101 && this.#rest.length === 0 && !said.includes('close');
  }

  header(name: string): string | undefined {
    return this.#headers.get(name);
  }

  push(chunk: Buffer): void {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    if (this.status === 0 && !this.#readHead()) return;
    while (!this.done && this.#step());
  }

  #readHead(): boolean {
    const end = this.#rest.indexOf(HEAD_END);
    if (end < 0) return false;
    const [first, ...lines] = this.#rest.subarray(0, end).toString('latin1').split('\r\n');
    this.#rest = this.#rest.subarray(end + HEAD_END.length);
    const status = Number(first.split(' ')[1]);
    // 100 Continue and its like announce the real answer.
    if (status >= 100 && status < 200 && status !== 101) return this.#readHead();
    this.status = status;
    this.#headers = new Map(lines.map(fieldOf));
    const length = this.header('content-length');
    this.#chunked = this.header('transfer-encoding')?.toLowerCase() === 'chunked';
    if (this.#isHead || status === 101 || status === 204 || status === 304) this.done = true;
    else if (this.#chunked) this.#left = 0;
    else this.#left = length === undefined ? undefined : Number(length);
    if (!this.#chunked && this.#left === 0) this.done = true;
    return true;
  }

  /** Takes what can be taken; false when more must come first. */
  #step(): boolean {
    if (this.#left === undefined || this.#left > 0) return this.#take();
    return this.#nextChunk();
  }

  #take(): boolean {
    if (this.#rest.length === 0) return false;
    const part = this.#rest.subarray(0, this.#left);
    this.#rest = this.#rest.subarray(part.length);
    if (this.#bodyBytes < maxBodyBytes) this.#body.push(part);
    this.#bodyBytes += part.length;
    if (this.#left === undefined) return false;
    this.#left -= part.length;
    if (this.#left === 0 && !this.#chunked) this.done = true;
    return true;
  }

  /** The line between two chunks: an empty one behind a chunk, a length, or a trailer's end. */
  #nextChunk(): boolean {
    const end = this.#rest.indexOf(LINE_END);
    if (end < 0) return false;
    const line = this.#rest.subarray(0, end).toString('latin1');
    this.#rest = this.#rest.subarray(end + LINE_END.length);
    if (this.#inTrailer) {
      this.done = line === '';
    } else if (line !== '') {
      this.#left = Number.parseInt(line, 16);
      this.#inTrailer = this.#left === 0;
    }
    return true;
  }
}

function fieldOf(line: string): [name: string, value: string] {
  const colon = line.indexOf(':');
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}
