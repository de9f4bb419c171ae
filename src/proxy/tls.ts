/**
 * ServingCertificate: the certificate and key of the client port, from files that are read again when
 * they change. A pair is taken over when it is whole and fits together. Without files a certificate is
 * made once into a directory, under kube-apiserver's names `apiserver.crt` and `apiserver.key`.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { Reloaded, type ReloadOptions } from './reloaded.ts';
import { makeCertificate } from './self-signed.ts';

export interface CertificateFiles {
  /** PEM, the server's certificate first, then its issuers. */
  readonly certFile: string;
  /** PEM, without a passphrase. */
  readonly keyFile: string;
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
  readonly #reloaded: Reloaded<Pair>;

  /** Loads the pair; rejects when it cannot be used. */
  static async load(files: CertificateFiles, options?: ReloadOptions) {
    const source = {
      read: () => readPair(files),
      equal: (one: Pair, other: Pair) => one.cert.equals(other.cert) && one.key.equals(other.key),
      intervalMs: DEFAULT_RELOAD_INTERVAL_MS,
    };
    return new ServingCertificate(files, await Reloaded.load(source, options));
  }

  private constructor(files: CertificateFiles, reloaded: Reloaded<Pair>) {
    this.files = files;
    this.#reloaded = reloaded;
  }

  /** For `tls.createServer` and `setSecureContext`. */
  get context(): Pair {
    return this.#reloaded.value;
  }

  /** Changed pairs taken over, and refused. */
  get reloads(): number {
    return this.#reloaded.reloads;
  }

  get failedReloads(): number {
    return this.#reloaded.failedReloads;
  }

  /** End of validity of the certificate in use, ms since 1970. */
  get notAfterMs(): number {
    return Date.parse(new X509Certificate(this.context.cert).validTo);
  }

  /** Those of `names` (DNS names or addresses) that the certificate is not valid for. */
  namesMissing(names: readonly string[]): readonly string[] {
    const certificate = new X509Certificate(this.context.cert);
    return names.filter((name) => {
      const found = isIP(name) === 0 ? certificate.checkHost(name) : certificate.checkIP(name);
      return found === undefined;
    });
  }

  onChange(callback: () => void): void {
    this.#reloaded.onChange(callback);
  }

  /** Reads the files now; true when a changed pair was taken over. */
  reload(): Promise<boolean> {
    return this.#reloaded.reload();
  }

  close(): void {
    this.#reloaded.close();
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
