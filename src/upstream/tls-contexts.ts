/**
 * TLS material of one cluster, as two secure contexts: `reader` with the proxy's client
 * certificate, `bare` without any.
 *
 * Contexts are built once and shared by all connections (parsing a CA bundle per connection costs
 * milliseconds). reload() compares the files with what is in use; when they differ new contexts are
 * made and the owner rebuilds its connections. Broken new material keeps the old in use.
 */

import { createSecureContext } from 'node:tls';
import type { SecureContext, SecureContextOptions } from 'node:tls';
import type { ClusterConfig } from './cluster-config.ts';
import type { Credentials } from './credentials.ts';
import { originOf, readPem } from './credentials.ts';
import { UpstreamError } from './upstream-error.ts';

export type ContextKind = 'reader' | 'bare';

type Contexts = Readonly<Record<ContextKind, SecureContext>>;

export class TlsContexts {
  readonly #cluster: ClusterConfig;
  readonly #credentials: Credentials;
  #material = '';
  #contexts: Contexts | undefined;
  #loading: Promise<Contexts> | undefined;

  constructor(cluster: ClusterConfig, credentials: Credentials) {
    this.#cluster = cluster;
    this.#credentials = credentials;
  }

  /** Throws UpstreamError 'credentials' when the material cannot be read or does not fit. */
  async get(kind: ContextKind): Promise<SecureContext> {
    if (this.#contexts === undefined) {
      this.#loading ??= this.#load().finally(() => {
        this.#loading = undefined;
      });
      return (await this.#loading)[kind];
    }
    return this.#contexts[kind];
  }

  /** True when the material changed since it was last loaded. Throws as get() does. */
  async reload(): Promise<boolean> {
    if (this.#cluster.scheme === 'http' || this.#contexts === undefined) {
      return false;
    }
    const before = this.#material;
    await this.#load();
    return this.#material !== before;
  }

  async #load(): Promise<Contexts> {
    const authority = this.#cluster.certificateAuthority;
    const ca = authority === undefined ? undefined : await readPem(authority);
    const pair = await this.#credentials.keyPair();
    const material = JSON.stringify([ca, pair?.cert, pair?.key]);
    if (this.#contexts !== undefined && material === this.#material) {
      return this.#contexts;
    }
    const common: SecureContextOptions = { ca, minVersion: 'TLSv1.2' };
    const caOrigin = authority === undefined ? 'system CAs' : originOf(authority);
    const bare = build(common, caOrigin);
    const withPair = pair && build({ ...common, cert: pair.cert, key: pair.key }, pair.origin);
    this.#contexts = { bare, reader: withPair ?? bare };
    this.#material = material;
    return this.#contexts;
  }
}

/** OpenSSL's messages name the fault ("no start line", "key values mismatch"), not the content. */
function build(options: SecureContextOptions, origin: string): SecureContext {
  try {
    return createSecureContext(options);
  } catch (error) {
    const problem = (error as Error).message;
    throw new UpstreamError('credentials', `${origin}: expected PEM certificates/key: ${problem}`);
  }
}
