/** What a response body of the load client is given to. Bytes are only valid during the call. */
export interface BodyReader {
  status(code: number): void;
  data(bytes: Buffer, start: number, end: number): void;
  ended(how: BodyEnd): void;
}

/** `complete`: END_STREAM or the last chunk; `broken`: a reset or a closed connection. */
export type BodyEnd = 'complete' | 'broken';

/** One connection of the load client. */
export interface ClientConnection {
  /** Sends GET `path`; HTTP/1.1 takes one body at a time. */
  get(path: string, reader: BodyReader): void;
  receive(bytes: Buffer, length: number): void;
  closed(): void;
}

export interface RequestHead {
  readonly authority: string;
  readonly token: string;
}
