/**
 * Makes a serving certificate where none was given, as kube-apiserver does: a certificate authority
 * that signs one server certificate and is then thrown away, so that clients can trust the file.
 *
 * Node can make keys but no certificates, so `openssl` signs (any version, LibreSSL too: a config file
 * instead of newer flags). Keys never leave a 0700 directory with a mode wider than 0600. The pair
 * appears whole: the certificate is renamed into place last.
 */
import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** kube-apiserver's self-signed certificates last a year. */
const VALID_DAYS = '365';
const OPENSSL_TIMEOUT_MS = 30_000;
/** RFC 5280 upper bound of a common name. */
const MAX_COMMON_NAME = 64;

/** Makes the pair unless both files exist; throws when only one does. */
export async function makeCertificate(
  files: { readonly certFile: string; readonly keyFile: string },
  names: readonly string[],
): Promise<void> {
  const { certFile, keyFile } = files;
  if (existsSync(certFile) && existsSync(keyFile)) return;
  if (existsSync(certFile) || existsSync(keyFile)) {
    throw new Error(`only one of ${certFile} and ${keyFile} exists; they belong together`);
  }
  const directory = dirname(certFile);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const work = await mkdtemp(join(directory, '.making-'));
  try {
    await sign(work, names);
    const chain = await Promise.all(
      ['server.crt', 'ca.crt'].map((name) => readFile(join(work, name), 'utf8')),
    );
    await writeFile(join(work, 'chain.crt'), chain.join(''), { mode: 0o644 });
    await rename(join(work, 'server.key'), keyFile);
    await rename(join(work, 'chain.crt'), certFile);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function sign(work: string, names: readonly string[]): Promise<void> {
  const commonName = (names.find((name) => isIP(name) === 0) ?? 'watershed').slice(
    0,
    MAX_COMMON_NAME,
  );
  await writeFile(join(work, 'openssl.cnf'), opensslConfig(commonName, names));
  for (const owner of ['ca', 'server']) {
    await writeFile(join(work, `${owner}.key`), newKey(), { mode: 0o600, flag: 'wx' });
  }
  await openssl(
    work,
    `req -x509 -new -sha256 -days ${VALID_DAYS} -config openssl.cnf -extensions ca`,
    ['-subj', `/CN=${commonName}-ca`, '-key', 'ca.key', '-out', 'ca.crt'],
  );
  await openssl(work, 'req -new -sha256 -config openssl.cnf', [
    '-subj',
    `/CN=${commonName}`,
    '-key',
    'server.key',
    '-out',
    'server.csr',
  ]);
  await openssl(
    work,
    `x509 -req -sha256 -days ${VALID_DAYS} -in server.csr -CA ca.crt -CAkey ca.key ` +
      '-CAcreateserial -CAserial ca.srl -extfile openssl.cnf -extensions server',
    ['-out', 'server.crt'],
  );
}

function newKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
}

function opensslConfig(commonName: string, names: readonly string[]): string {
  const alternatives = names.map((name) => {
    if (!/^[A-Za-z0-9.:*_-]+$/.test(name)) {
      throw new Error(`${JSON.stringify(name)} is neither a DNS name nor an address`);
    }
    return isIP(name) === 0 ? `DNS:${name}` : `IP:${name}`;
  });
  return [
    '[req]',
    'distinguished_name = subject',
    'prompt = no',
    '[subject]',
    `CN = ${commonName}`,
    '[ca]',
    'basicConstraints = critical,CA:TRUE',
    'keyUsage = critical,keyCertSign,cRLSign,digitalSignature',
    'subjectKeyIdentifier = hash',
    '[server]',
    'basicConstraints = critical,CA:FALSE',
    'keyUsage = critical,digitalSignature,keyEncipherment',
    'extendedKeyUsage = serverAuth',
    'subjectKeyIdentifier = hash',
    'authorityKeyIdentifier = keyid',
    `subjectAltName = ${alternatives.join(',')}`,
    '',
  ].join('\n');
}

/** `command` is split at its spaces; `args` may hold any text. Never a shell. */
async function openssl(work: string, command: string, args: readonly string[]): Promise<void> {
  const words = command.split(' ');
  try {
    await run('openssl', [...words, ...args], { cwd: work, timeout: OPENSSL_TIMEOUT_MS });
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string };
    if (code === 'ENOENT') {
      throw new Error(
        'cannot make a serving certificate: the openssl command was not found. Install it, or ' +
          'give a certificate with --tls-cert-file and --tls-private-key-file',
        { cause: error },
      );
    }
    throw new Error(`openssl ${words[0]} failed: ${stderr?.trim() ?? String(error)}`, {
      cause: error,
    });
  }
}
