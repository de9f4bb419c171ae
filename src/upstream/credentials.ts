/**
 * Credentials: what the proxy's own requests carry, kept fresh.
 *
 * A token file is read again once a minute and after a 401 (kubelet rotates it in place); an exec
 * plugin runs again when its credential expires and after a 401; impersonation headers are built
 * once. The client key pair for TLS comes from here too, because an exec plugin may give one.
 * Written by nobody else; read by upstream.ts (headers) and tls-contexts.ts (key pair).
 * A file that cannot be read keeps the last good token: upstream then judges it.
 */

import { readFile } from 'node:fs/promises';
import type { Impersonation, PemSource, ReaderIdentity } from './cluster-config.ts';
import { Secret } from './cluster-config.ts';
import type { ExecCredential } from './exec-plugin.ts';
import { isHeaderText } from './kubeconfig-user.ts';
import { UpstreamError } from './upstream-error.ts';

/** A client certificate chain and its key, as PEM text; `origin` is for messages. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
  readonly origin: string;
}

export interface CredentialsOptions {
  /** Age after which a token file is read again. client-go: one minute. */
  readonly refreshMs: number;
  /** Bound on one run of an exec plugin. */
  readonly execTimeoutMs: number;
  /** Shown to exec plugins that ask for cluster information; holds no secrets. */
  readonly clusterInfo?: Readonly<Record<string, unknown>>;
  readonly now?: () => number;
}

/** Bound on a token file; service account tokens are about 1 KiB. */
const MAX_TOKEN_BYTES = 64 * 1024;

export class Credentials {
  readonly #identity: ReaderIdentity;
  readonly #options: CredentialsOptions;
  readonly #now: () => number;
  readonly #impersonation: readonly string[];
  #token: Secret | undefined;
  #pair: KeyPair | undefined;
  #freshUntilMs = -Infinity;
  #renewedAtMs = -Infinity;
  #refreshing: Promise<void> | undefined;

  /** Plain counters, read at scrape time. */
  reads = 0;
  failures = 0;

  constructor(identity: ReaderIdentity, options: CredentialsOptions) {
    this.#identity = identity;
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#impersonation = impersonationHeaders(identity.impersonate);
    this.#token = identity.token;
    if (identity.tokenFile === undefined && identity.exec === undefined) {
      this.#freshUntilMs = Infinity;
    }
  }

  /** Raw header pairs for one request. Throws UpstreamError 'credentials' when there are none. */
  async headers(): Promise<readonly string[]> {
    await this.#ensureFresh();
    if (this.#token === undefined) {
      return this.#impersonation;
    }
    return ['authorization', `Bearer ${this.#token.reveal()}`, ...this.#impersonation];
  }

  /**
   * After a 401 to a request that carried `refused`: reads the source again, at most once per
   * RENEW_PAUSE_MS. True when another token is at hand now, so that trying again makes sense.
   */
  async renew(refused: readonly string[]): Promise<boolean> {
    if (this.#freshUntilMs === Infinity) {
      return false;
    }
    if (!this.#differsFrom(refused) && this.#now() - this.#renewedAtMs >= RENEW_PAUSE_MS) {
      this.#renewedAtMs = this.#now();
      this.#freshUntilMs = -Infinity;
    }
    await this.#ensureFresh();
    return this.#differsFrom(refused);
  }

  #differsFrom(headers: readonly string[]): boolean {
    return this.#token !== undefined && headers[1] !== `Bearer ${this.#token.reveal()}`;
  }

  /** The key pair for TLS, read anew; undefined when the proxy has no client certificate. */
  async keyPair(): Promise<KeyPair | undefined> {
    const { clientCertificate, clientKey } = this.#identity;
    if (clientCertificate !== undefined && clientKey !== undefined) {
      const [cert, key] = await Promise.all([readPem(clientCertificate), readPem(clientKey)]);
      return { cert, key, origin: originOf(clientCertificate) };
    }
    if (this.#identity.exec !== undefined) {
      await this.#ensureFresh();
    }
    return this.#pair;
  }

  async #ensureFresh(): Promise<void> {
    if (this.#now() < this.#freshUntilMs) {
      return;
    }
    // One refresh at a time; whoever comes meanwhile shares it.
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    await this.#refreshing;
  }

  async #refresh(): Promise<void> {
    this.reads += 1;
    try {
      if (this.#identity.exec === undefined) {
        await this.#readTokenFile();
      } else {
        await this.#runPlugin();
      }
    } catch (error) {
      this.failures += 1;
      if (this.#token === undefined) {
        throw error;
      }
      this.#freshUntilMs = this.#now() + RETRY_MS;
    }
  }

  async #readTokenFile(): Promise<void> {
    const file = this.#identity.tokenFile ?? '';
    const text = (await readSmallFile(file, MAX_TOKEN_BYTES)).trim();
    if (!isHeaderText(text)) {
      const problem = text === '' ? 'is empty' : 'does not hold one line of printable characters';
      throw new UpstreamError('credentials', `token file ${file} ${problem}`);
    }
    this.#token = new Secret(text);
    this.#freshUntilMs = this.#now() + this.#options.refreshMs;
  }

  async #runPlugin(): Promise<void> {
    // Loaded here and not at the top: almost no cluster needs it (the import costs time and memory).
    const { runExecPlugin } = await import('./exec-plugin.ts');
    const plugin = this.#identity.exec;
    if (plugin === undefined) {
      return;
    }
    const { execTimeoutMs, clusterInfo } = this.#options;
    const credential: ExecCredential = await runExecPlugin(plugin, { execTimeoutMs, clusterInfo });
    this.#token = credential.token;
    this.#pair = credential.pair;
    // A plugin that gives an expired credential is asked at most once a second.
    const soonest = this.#now() + RETRY_MS;
    this.#freshUntilMs = Math.max(credential.expiresAtMs ?? FAR_FUTURE_MS, soonest);
  }
}

/** Pause after a failed refresh while an older token still exists. */
const RETRY_MS = 1_000;

/** An upstream that answers 401 to everything must not make us run a plugin per request. */
const RENEW_PAUSE_MS = 5_000;

/** "Until a 401 says otherwise", but not Infinity: that means there is nothing to renew. */
const FAR_FUTURE_MS = 8.64e15;

/** Reads PEM text from its file or takes the inline text. Throws UpstreamError 'credentials'. */
export async function readPem(source: PemSource): Promise<string> {
  if (source.kind === 'data') {
    return source.pem.reveal();
  }
  return readSmallFile(source.path, MAX_PEM_BYTES);
}

/** A CA bundle of a whole distribution is about 220 KiB. */
const MAX_PEM_BYTES = 4 * 1024 * 1024;

export function originOf(source: PemSource): string {
  return source.kind === 'file' ? source.path : source.origin;
}

async function readSmallFile(path: string, maxBytes: number): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, 'latin1');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new UpstreamError('credentials', `${path} cannot be read (${code})`);
  }
  if (text.length > maxBytes) {
    throw new UpstreamError('credentials', `${path} is longer than ${maxBytes} bytes`);
  }
  return text;
}

function impersonationHeaders(impersonate: Impersonation | undefined): readonly string[] {
  if (impersonate === undefined) {
    return [];
  }
  const headers = ['Impersonate-User', impersonate.user];
  for (const group of impersonate.groups) {
    headers.push('Impersonate-Group', group);
  }
  if (impersonate.uid !== '') {
    headers.push('Impersonate-Uid', impersonate.uid);
  }
  for (const { key, values } of impersonate.extra) {
    for (const value of values) {
      headers.push(`Impersonate-Extra-${escapeHeaderKey(key)}`, value);
    }
  }
  return headers;
}

/** client-go transport/round_trippers.go headerKeyEscape: what no header name may hold, and `%`. */
function escapeHeaderKey(key: string): string {
  let out = '';
  for (const byte of Buffer.from(key, 'utf8')) {
    const char = String.fromCharCode(byte);
    const legal = /[A-Za-z0-9!#$&'*+.^_`|~-]/.test(char);
    out += legal ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return out;
}
