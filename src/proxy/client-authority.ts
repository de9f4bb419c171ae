/**
 * ClientAuthority: the bundle that client certificates are verified against (`--client-ca-file`).
 *
 * Read again on an interval like the serving certificate. A change that can be used is told at once,
 * because connections verified under the old bundle must end; one that cannot is reported, and the old
 * bundle stays.
 */
import { createSecureContext } from 'node:tls';
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { ReloadOptions } from './tls.ts';

/** More often than the serving certificate: an authority that is taken out takes rights away. */
export const RELOAD_INTERVAL_MS = 10_000;

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

export class ClientAuthority {
  readonly file: string;
  /** Changed bundles taken over, and refused. */
  reloads = 0;
  failedReloads = 0;
  #bundle: Buffer;
  #onChange: (() => void)[] = [];
  readonly #onProblem: (error: Error) => void;
  readonly #timer: NodeJS.Timeout;

  /** Loads the bundle; throws when it cannot be used. */
  static async load(file: string, reload: ReloadOptions = {}): Promise<ClientAuthority> {
    return new ClientAuthority(file, await readBundle(file), reload);
  }

  private constructor(file: string, bundle: Buffer, reload: ReloadOptions) {
    this.file = file;
    this.#bundle = bundle;
    this.#onProblem = reload.onProblem ?? (() => {});
    this.#timer = setInterval(
      () => void this.reload(),
      reload.intervalMs ?? RELOAD_INTERVAL_MS,
    ).unref();
  }

  /** PEM, every certificate a trust anchor. */
  get bundle(): Buffer {
    return this.#bundle;
  }

  onChange(callback: () => void): void {
    this.#onChange.push(callback);
  }

  /** Reads the file now; true when a changed bundle was taken over. */
  async reload(): Promise<boolean> {
    let bundle: Buffer;
    try {
      bundle = await readBundle(this.file);
    } catch (error) {
      this.failedReloads++;
      this.#onProblem(error as Error);
      return false;
    }
    if (bundle.equals(this.#bundle)) return false;
    this.#bundle = bundle;
    this.reloads++;
    for (const callback of this.#onChange) callback();
    return true;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#onChange = [];
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
