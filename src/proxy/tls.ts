/**
 * ServingCertificate: the certificate and key of the client port, from files.
 *
 * Files are read again on an interval (a Kubernetes Secret volume swaps a symlink, which file watchers
 * miss) and a changed pair is taken over when it is whole and fits together; a half-written one is
 * reported and the old one stays. Without files a certificate is made once into a directory, under
 * kube-apiserver's names `apiserver.crt` and `apiserver.key`.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { makeCertificate } from './self-signed.ts';

export interface CertificateFiles {
  /** PEM, the server's certificate first, then its issuers. */
  readonly certFile: string;
  /** PEM, without a passphrase. */
  readonly keyFile: string;
}

export interface ReloadOptions {
  /** How often the files are read again. */
  readonly intervalMs?: number;
  /** A changed pair could not be used: for the log. The old one stays in use. */
  readonly onProblem?: (error: Error) => void;
}

/** One minute is kube-apiserver's own poll (`dynamiccertificates` resync). */
const DEFAULT_RELOAD_INTERVAL_MS = 60_000;

/** Names every in-cluster client of an apiserver may dial. */
const KUBERNETES_NAMES = [
  'localhost',
  'kubernetes',
  'kubernetes.default',
  'kubernetes.default.svc',
  'kubernetes.default.svc.cluster.local',
];

interface Pair {
  readonly cert: Buffer;
  readonly key: Buffer;
}

export class ServingCertificate {
  readonly files: CertificateFiles;
  /** Changed pairs taken over, and refused. */
  reloads = 0;
  failedReloads = 0;
  #pair: Pair;
  #onChange: (() => void)[] = [];
  readonly #onProblem: (error: Error) => void;
  readonly #timer: NodeJS.Timeout;

  /** Loads the pair; throws when it cannot be used. */
  static async load(files: CertificateFiles, reload: ReloadOptions = {}) {
    return new ServingCertificate(files, await readPair(files), reload);
  }

  private constructor(files: CertificateFiles, pair: Pair, reload: ReloadOptions) {
    this.files = files;
    this.#pair = pair;
    this.#onProblem = reload.onProblem ?? (() => {});
    this.#timer = setInterval(
      () => void this.reload(),
      reload.intervalMs ?? DEFAULT_RELOAD_INTERVAL_MS,
    );
    this.#timer.unref();
  }

  /** For `tls.createServer` and `setSecureContext`. */
  get context(): Pair {
    return this.#pair;
  }

  /** End of validity of the certificate in use, ms since 1970. */
  get notAfterMs(): number {
    return Date.parse(new X509Certificate(this.#pair.cert).validTo);
  }

  /** Those of `names` (DNS names or addresses) that the certificate is not valid for. */
  namesMissing(names: readonly string[]): readonly string[] {
    const certificate = new X509Certificate(this.#pair.cert);
    return names.filter((name) => {
      const found = isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name);
      return found === undefined;
    });
  }

  onChange(callback: () => void): void {
    this.#onChange.push(callback);
  }

  /** Reads the files now; true when a changed pair was taken over. */
  async reload(): Promise<boolean> {
    let pair: Pair;
    try {
      pair = await readPair(this.files);
    } catch (error) {
      this.failedReloads++;
      this.#onProblem(error as Error);
      return false;
    }
    if (pair.cert.equals(this.#pair.cert) && pair.key.equals(this.#pair.key)) return false;
    this.#pair = pair;
    this.reloads++;
    for (const callback of this.#onChange) callback();
    return true;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#onChange = [];
  }
}

/**
 * The pair in `directory`, made when neither file exists. `names` (DNS names or addresses) are added
 * to the ones clients of an apiserver use anyway.
 */
export async function selfSignedFiles(
  directory: string,
  names: readonly string[] = [],
): Promise<CertificateFiles> {
  const files = {
    certFile: join(directory, 'apiserver.crt'),
    keyFile: join(directory, 'apiserver.key'),
  };
  const all = new Set([...KUBERNETES_NAMES, hostname(), '127.0.0.1', '::1', ...names]);
  await makeCertificate(files, [...all]);
  return files;
}

async function readPair(files: CertificateFiles): Promise<Pair> {
  const cert = await read(files.certFile, 'TLS certificate');
  const key = await read(files.keyFile, 'TLS private key');
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(cert);
  } catch (error) {
    throw new Error(`${files.certFile} holds no PEM certificate`, { cause: error });
  }
  let fits: boolean;
  try {
    fits = certificate.checkPrivateKey(createPrivateKey(key));
  } catch (error) {
    throw new Error(`${files.keyFile} holds no PEM private key`, { cause: error });
  }
  if (!fits) throw new Error(`the key in ${files.keyFile} is not that of ${files.certFile}`);
  return { cert, key };
}

async function read(file: string, what: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new Error(`cannot read the ${what} ${file}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
