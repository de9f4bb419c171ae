/**
 * ClientAuthority: the bundle that client certificates are verified against (`--client-ca-file`), read
 * again when its file changes: connections verified under the old one must end then.
 */
import { createSecureContext } from 'node:tls';
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Reloaded, type ReloadOptions } from './reloaded.ts';

/** More often than the serving certificate: an authority that is taken out takes rights away. */
export const RELOAD_INTERVAL_MS = 10_000;

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

export class ClientAuthority {
  readonly #reloaded: Reloaded<Buffer>;

  /** Loads the bundle; rejects when it cannot be used. */
  static async load(file: string, options?: ReloadOptions): Promise<ClientAuthority> {
    const source = {
      read: () => readBundle(file),
      equal: (one: Buffer, other: Buffer) => one.equals(other),
      intervalMs: RELOAD_INTERVAL_MS,
    };
    return new ClientAuthority(await Reloaded.load(source, options));
  }

  private constructor(reloaded: Reloaded<Buffer>) {
    this.#reloaded = reloaded;
  }

  /** PEM, every certificate a trust anchor. */
  get bundle(): Buffer {
    return this.#reloaded.value;
  }

  onChange(callback: () => void): void {
    this.#reloaded.onChange(callback);
  }

  /** Reads the file now; true when a changed bundle was taken over. */
  reload(): Promise<boolean> {
    return this.#reloaded.reload();
  }

  close(): void {
    this.#reloaded.close();
  }
}

async function readBundle(file: string): Promise<Buffer> {
  let bundle: Buffer;
  try {
    bundle = await readFile(file);
  } catch (error) {
    throw new Error(`cannot read the client CA file ${file}: ${(error as Error).message}`, {
      cause: error,
    });
  }
  const certificates = bundle.toString('latin1').match(PEM_CERTIFICATE) ?? [];
  if (certificates.length === 0) throw new Error(`${file} holds no PEM certificate`);
  try {
    for (const certificate of certificates) void new X509Certificate(certificate);
    createSecureContext({ ca: bundle });
  } catch (error) {
    throw new Error(`${file} holds something that is no certificate`, { cause: error });
  }
  return bundle;
}
