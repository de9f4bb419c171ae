/**
 * UpstreamError: the one error class of this folder, with a code from one register.
 *
 * request.ts maps whatever the network or the HTTP client throws to it; connection.ts,
 * credentials.ts and headers.ts raise it directly. Readers (proxy, watch, auth) decide by `code`,
 * never by text. Messages name addresses and files, never header values, tokens or key material.
 */

export type UpstreamErrorCode =
  /** No connection: refused, no route, name not found, connect timeout. Nothing was sent. */
  | 'unreachable'
  /** Connected, but no response head (or no further body bytes) in time. */
  | 'timeout'
  /** The TLS handshake failed: unknown CA, wrong name, expired, alert. */
  | 'tls'
  /** The connection broke while a request or its body was under way. */
  | 'reset'
  /** Upstream sent something that is not HTTP, or a body that contradicts its length. */
  | 'protocol'
  /** The caller's signal fired, or the caller destroyed the body. */
  | 'aborted'
  /** The request body is longer than the limit; it must be answered with 413. */
  | 'body-too-large'
  /** The request cannot be sent as it is (4.2 rule 3 of the header rules); answer 400. */
  | 'bad-request'
  /** All connections are in use and the queue is full; answer 429. */
  | 'overloaded'
  /** Our own credential cannot be read or made (token file, key pair, exec plugin). */
  | 'credentials'
  /** This Upstream was closed. */
  | 'closed';

/** What went wrong between us and the apiserver. `cause` is for logs at debug level only. */
export class UpstreamError extends Error {
  readonly code: UpstreamErrorCode;

  constructor(code: UpstreamErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'UpstreamError';
    this.code = code;
  }
}
