/**
 * The client's end of a watch: takes one write at a time, as fast as the seed lets it, and reads the bytes only when they
 * are taken, so that a buffer given back too early shows.
 */
import type { Sink } from '../../src/proxy/sink.ts';

export interface SinkOwner {
  /** Calls back when a write is through the network. */
  readonly deliver: (done: () => void) => void;
  readonly onBytes: (bytes: string) => void;
  /** Ended by the server, or broken off. */
  readonly onEnd: (cleanly: boolean) => void;
}

export class ClientSink implements Sink {
  readonly #owner: SinkOwner;
  #inFlight: Uint8Array | undefined;
  #ended = false;
  closed = false;
  onReady: (() => void) | null = null;
  onClose: (() => void) | null = null;

  constructor(owner: SinkOwner) {
    this.#owner = owner;
  }

  get ready(): boolean {
    return this.#inFlight === undefined && !this.#ended && !this.closed;
  }

  get bytesInFlight(): number {
    return this.#inFlight?.length ?? 0;
  }

  /** The window opens as the network has it, if it is not open. */
  awaitRoom(go: () => void): void {
    if (this.#inFlight !== undefined) throw new Error('room was asked for with a write in flight');
    this.#owner.deliver(() => {
      if (!this.closed) go();
    });
  }

  write(chunk: Uint8Array): boolean {
    if (!this.ready) return false;
    this.#inFlight = chunk;
    this.#owner.deliver(() => this.#taken(chunk));
    return true;
  }

  end(): void {
    this.#ended = true;
    if (this.#inFlight === undefined) this.#close(true);
  }

  destroy(): void {
    this.#close(false);
  }

  /** The client goes away. */
  leave(): void {
    if (this.closed) return;
    this.closed = true;
    this.onClose?.();
  }

  #taken(chunk: Uint8Array): void {
    if (this.closed) return;
    this.#inFlight = undefined;
    this.#owner.onBytes(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).toString());
    // What it read may have made it leave.
    if (this.closed) return;
    if (this.#ended) this.#close(true);
    else this.onReady?.();
  }

  #close(cleanly: boolean): void {
    if (this.closed) return;
    this.closed = true;
    this.onClose?.();
    this.#owner.onEnd(cleanly);
  }
}
