/**
 * ClusterConfig: where the apiserver is and how the proxy itself proves who it is.
 *
 * Made by kubeconfig.ts (or by hand in tests), read by connection.ts and credentials.ts. It holds
 * file names or inline material; nothing here has been read from disk except the kubeconfig itself.
 * Secrets sit in `Secret`, which prints as [redacted] wherever it is printed by accident.
 */

import { inspect } from 'node:util';

/** Text that must not be printed: template strings, JSON and util.inspect all give [redacted]. */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The text itself; the only way to it, so that uses are easy to find. */
  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return '[redacted]';
  }

  toJSON(): string {
    return '[redacted]';
  }

  [inspect.custom](): string {
    return '[redacted]';
  }
}

/** PEM material: a file that is read again when it changes, or bytes from the kubeconfig. */
export type PemSource =
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'data'; readonly pem: Secret; readonly origin: string };

/** An exec credential plugin as kubeconfig describes it; `command` is already resolved. */
export interface ExecPlugin {
  readonly apiVersion: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly provideClusterInfo: boolean;
  /** `<file>: users[name].user.exec`, for messages. */
  readonly origin: string;
}

/** Whom the proxy's own requests are made as; sent as Impersonate-* headers. */
export interface Impersonation {
  readonly user: string;
  readonly groups: readonly string[];
  readonly uid: string;
  readonly extra: readonly { readonly key: string; readonly values: readonly string[] }[];
}

/** The proxy's own credential. Every part is optional; none at all means anonymous. */
export interface ReaderIdentity {
  readonly clientCertificate?: PemSource;
  readonly clientKey?: PemSource;
  readonly token?: Secret;
  /** Wins over `token` whenever it can be read (client-go's rule). */
  readonly tokenFile?: string;
  readonly exec?: ExecPlugin;
  readonly impersonate?: Impersonation;
}

export interface ClusterConfig {
  /** For logs: `in-cluster`, or `/path/config (context x)`. */
  readonly origin: string;
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly port: number;
  /** Path in front of every request path, without a trailing slash; usually ''. */
  readonly basePath: string;
  readonly certificateAuthority?: PemSource;
  readonly insecureSkipTlsVerify: boolean;
  /** Name the serving certificate is checked against, and SNI; '' means `host`. */
  readonly tlsServerName: string;
  readonly reader: ReaderIdentity;
}

/** `host:port` as URLs and the Host header write it; the default port of the scheme is left out. */
export function authorityOf(cluster: Pick<ClusterConfig, 'scheme' | 'host' | 'port'>): string {
  const host = cluster.host.includes(':') ? `[${cluster.host}]` : cluster.host;
  const standard = cluster.scheme === 'https' ? 443 : 80;
  return cluster.port === standard ? host : `${host}:${cluster.port}`;
}
