/**
 * A throwaway certificate authority for tests, made with openssl in a directory of its own.
 *
 * Tests that speak TLS ask for one authority per file (`TestAuthority.create()` in `beforeAll`) and
 * let it issue server or client certificates; `remove` deletes the directory.
 */
import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface IssueOptions {
  /** Common name; for client certificates the user name. Default `localhost`. */
  readonly commonName?: string;
  /** Organizations; for client certificates the groups. */
  readonly organizations?: readonly string[];
  /** DNS names and addresses. Default localhost, 127.0.0.1 and ::1. */
  readonly names?: readonly string[];
  /** Default `server`. */
  readonly usage?: 'server' | 'client';
  readonly days?: number;
}

export interface IssuedCertificate {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly certFile: string;
  readonly keyFile: string;
}

export class TestAuthority {
  readonly directory: string;
  readonly ca: Buffer;
  readonly caFile: string;
  #issued = 0;

  static async create(): Promise<TestAuthority> {
    const directory = await mkdtemp(join(tmpdir(), 'watershed-test-ca-'));
    await writeFile(join(directory, 'ca.key'), newKey(), { mode: 0o600 });
    await writeFile(
      join(directory, 'ca.cnf'),
      [
        '[req]',
        'distinguished_name = subject',
        'prompt = no',
        '[subject]',
        'CN = test-authority',
        '[ca]',
        'basicConstraints = critical,CA:TRUE',
        'keyUsage = critical,keyCertSign,cRLSign',
        'subjectKeyIdentifier = hash',
      ].join('\n'),
    );
    await openssl(
      directory,
      'req -x509 -new -sha256 -days 30 -config ca.cnf -extensions ca -key ca.key -out ca.crt',
    );
    const caFile = join(directory, 'ca.crt');
    return new TestAuthority(directory, caFile, await readFile(caFile));
  }

  private constructor(directory: string, caFile: string, ca: Buffer) {
    this.directory = directory;
    this.caFile = caFile;
    this.ca = ca;
  }

  async issue(options: IssueOptions = {}): Promise<IssuedCertificate> {
    const name = `issued-${++this.#issued}`;
    const { directory } = this;
    const keyFile = join(directory, `${name}.key`);
    const certFile = join(directory, `${name}.crt`);
    await writeFile(keyFile, newKey(), { mode: 0o600 });
    await writeFile(join(directory, `${name}.cnf`), requestConfig(options));
    await openssl(
      directory,
      `req -new -sha256 -config ${name}.cnf -key ${name}.key -out ${name}.csr`,
    );
    await openssl(
      directory,
      `x509 -req -sha256 -days ${options.days ?? 30} -in ${name}.csr -CA ca.crt -CAkey ca.key ` +
        `-CAcreateserial -CAserial ${name}.srl -extfile ${name}.cnf -extensions leaf ` +
        `-out ${name}.crt`,
    );
    const [cert, key] = await Promise.all([readFile(certFile), readFile(keyFile)]);
    return { cert, key, certFile, keyFile };
  }

  remove(): Promise<void> {
    return rm(this.directory, { recursive: true, force: true });
  }
}

function requestConfig(options: IssueOptions): string {
  const names = options.names ?? ['localhost', '127.0.0.1', '::1'];
  const alternatives = names.map((name) => (isIP(name) === 0 ? `DNS:${name}` : `IP:${name}`));
  const organizations = options.organizations ?? [];
  return [
    '[req]',
    'distinguished_name = subject',
    'prompt = no',
    '[subject]',
    ...organizations.map((organization, index) => `${index}.O = ${organization}`),
    `CN = ${options.commonName ?? 'localhost'}`,
    '[leaf]',
    'basicConstraints = critical,CA:FALSE',
    `extendedKeyUsage = ${options.usage === 'client' ? 'clientAuth' : 'serverAuth'}`,
    `subjectAltName = ${alternatives.join(',')}`,
  ].join('\n');
}

function newKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
}

async function openssl(directory: string, command: string): Promise<void> {
  await run('openssl', command.split(' '), { cwd: directory, timeout: 30_000 });
}
