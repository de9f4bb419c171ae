/**
 * UpstreamOptions: every bound of this folder's connections, with its default and its reason.
 *
 * One frozen table of defaults; config/ may override single values through Upstream.connect.
 */

export interface UpstreamOptions {
  /** TCP and TLS together. */
  readonly connectTimeoutMs: number;
  /** An idle HTTP/1.1 connection is closed after this; apiservers keep theirs for 90 s or more. */
  readonly keepAliveMs: number;
  /** TCP keepalive probes start after this silence; finds dead peers under quiet watches. */
  readonly tcpKeepAliveMs: number;
  /** Largest response head accepted. */
  readonly maxHeaderBytes: number;
  /** The proxy's own watches at once; one connection each. */
  readonly readerWatches: number;
  /** The proxy's own lists, probes and discovery calls at once. */
  readonly readerCalls: number;
  /** Forwarded short requests at once; 400 + 200 are kube-apiserver's in-flight limits. */
  readonly forwardedCalls: number;
  /** Questions with a caller's own token; a dozen milliseconds each. */
  readonly forwardedReviews: number;
  /** Forwarded watches, logs and other long requests at once; one connection each. */
  readonly forwardedStreams: number;
  /** The same for callers known by a certificate. */
  readonly impersonatedCalls: number;
  readonly impersonatedStreams: number;
  /** Requests that may wait for a connection, per pool; more are refused as 'overloaded'. */
  readonly maxQueued: number;
  /** Response head of a short request; upstream's own limit is 60 s plus webhooks' slack. */
  readonly callHeadersTimeoutMs: number;
  /** Silence inside the body of a short request. */
  readonly callBodyTimeoutMs: number;
  /** Response head of one of the proxy's own watches. */
  readonly watchHeadersTimeoutMs: number;
  /** Forwarded request bodies; upstream's limit is 3 MiB, and it answers the first 10 % itself. */
  readonly maxRequestBodyBytes: number;
  /** Token files are read again, and certificate files compared, this often. */
  readonly credentialRefreshMs: number;
  readonly execTimeoutMs: number;
  /** After certificates changed, requests on old connections may go on this long. */
  readonly rotationDrainMs: number;
  readonly userAgent: string;
}

const MEBIBYTE = 1024 * 1024;

export const DEFAULT_UPSTREAM_OPTIONS: UpstreamOptions = Object.freeze({
  connectTimeoutMs: 10_000,
  keepAliveMs: 30_000,
  tcpKeepAliveMs: 30_000,
  maxHeaderBytes: 128 * 1024,
  readerWatches: 1_000,
  readerCalls: 64,
  forwardedCalls: 600,
  forwardedReviews: 64,
  forwardedStreams: 4_096,
  impersonatedCalls: 600,
  impersonatedStreams: 4_096,
  maxQueued: 1_000,
  callHeadersTimeoutMs: 90_000,
  callBodyTimeoutMs: 60_000,
  watchHeadersTimeoutMs: 60_000,
  maxRequestBodyBytes: Math.floor(3 * MEBIBYTE * 1.1),
  credentialRefreshMs: 60_000,
  execTimeoutMs: 60_000,
  rotationDrainMs: 15 * 60_000,
  userAgent: 'watershed',
});
