/**
 * One response as a test client saw it: status, raw headers, every chunk, and how it ended. Waiting is
 * on conditions, never on time.
 */

/** `clean`: END_STREAM or the last chunk. `reset`: RST_STREAM with `code`. `cut`: connection gone. */
export type RecordedEnd =
  | { readonly kind: 'open' }
  | { readonly kind: 'clean' }
  | { readonly kind: 'reset'; readonly code: number }
  | { readonly kind: 'cut'; readonly error: string };

/** What a protocol client hands in to control the response. */
export interface ResponseControls {
  pause(): void;
  resume(): void;
  abort(): void;
}

export class RecordedResponse {
  status = 0;
  rawHeaders: readonly string[] = [];
  readonly chunks: Buffer[] = [];
  /** `performance.now()` of each chunk. */
  readonly chunkTimesMs: number[] = [];
  end: RecordedEnd = { kind: 'open' };
  readonly #controls: ResponseControls;
  #waiting: { condition: () => boolean; resolve: () => void }[] = [];

  constructor(controls: ResponseControls) {
    this.#controls = controls;
  }

  /** First value of a response header. */
  header(name: string): string | undefined {
    const index = this.rawHeaders.findIndex(
      (text, i) => i % 2 === 0 && text.toLowerCase() === name.toLowerCase(),
    );
    return index < 0 ? undefined : this.rawHeaders[index + 1];
  }

  get bytes(): number {
    return this.chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  }

  get body(): Buffer {
    return Buffer.concat(this.chunks);
  }

  get text(): string {
    return this.body.toString('utf8');
  }

  /** Complete lines received so far, without their newline. */
  get lines(): string[] {
    return this.text.split('\n').slice(0, -1);
  }

  json(): unknown {
    return JSON.parse(this.text);
  }

  /** Resolves when `condition` holds; rejects when the response ended and it does not. */
  async until(condition: (response: RecordedResponse) => boolean, what = 'it'): Promise<this> {
    const check = (): boolean => condition(this);
    if (!check() && this.end.kind === 'open') {
      await new Promise<void>((resolve) => {
        this.#waiting.push({ condition: () => check() || this.end.kind !== 'open', resolve });
      });
    }
    if (!check()) {
      const { status, bytes, end } = this;
      throw new Error(`ended before ${what}: ${JSON.stringify({ status, bytes, end })}`);
    }
    return this;
  }

  untilHead(): Promise<this> {
    return this.until(() => this.status !== 0, 'the head');
  }

  untilBytes(count: number): Promise<this> {
    return this.until(() => this.bytes >= count, `${count} bytes`);
  }

  untilLines(count: number): Promise<this> {
    return this.until(() => this.lines.length >= count, `${count} lines`);
  }

  untilEnd(): Promise<this> {
    return this.until(() => this.end.kind !== 'open', 'the end');
  }

  /** Stops reading: flow control and socket buffers fill up. */
  stall(): void {
    this.#controls.pause();
  }

  resume(): void {
    this.#controls.resume();
  }

  /** Gives the response up: RST_STREAM CANCEL or a closed connection. */
  abort(): void {
    this.#controls.abort();
  }

  /** For the protocol clients. */
  recordHead(status: number, rawHeaders: readonly string[]): void {
    this.status = status;
    this.rawHeaders = rawHeaders;
    this.#wake();
  }

  recordChunk(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.chunkTimesMs.push(performance.now());
    this.#wake();
  }

  recordEnd(end: RecordedEnd): void {
    if (this.end.kind !== 'open') return;
    this.end = end;
    this.#wake();
  }

  #wake(): void {
    this.#waiting = this.#waiting.filter(({ condition, resolve }) => {
      if (!condition()) return true;
      resolve();
      return false;
    });
  }
}
