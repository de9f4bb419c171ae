// The keys and certificates of one control plane, made with openssl in one folder: three authorities
// (serving, clients, front proxies), because a test that trusts the wrong one must fail.

import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Takes its arguments in groups, for the reader's sake. */
async function openssl(...groups: readonly (readonly string[])[]): Promise<void> {
  await run('openssl', groups.flat());
}

const days = 30;

export interface KeyPair {
  readonly certFile: string;
  readonly keyFile: string;
}

export interface Certificates {
  readonly servingAuthority: KeyPair;
  readonly clientAuthority: KeyPair;
  readonly frontProxyAuthority: KeyPair;
  readonly serving: KeyPair;
  readonly admin: KeyPair;
  readonly node: KeyPair;
  readonly frontProxy: KeyPair;
  readonly serviceAccountKeyFile: string;
  readonly serviceAccountPublicKeyFile: string;
}

const servingNames = [
  'IP:127.0.0.1',
  'DNS:localhost',
  'DNS:kubernetes',
  'DNS:kubernetes.default',
  'DNS:kubernetes.default.svc',
].join(',');

export async function makeCertificates(directory: string): Promise<Certificates> {
  const [servingAuthority, clientAuthority, frontProxyAuthority, serviceAccount] =
    await Promise.all([
      makeAuthority(directory, 'serving-ca'),
      makeAuthority(directory, 'client-ca'),
      makeAuthority(directory, 'front-proxy-ca'),
      makeServiceAccountKeys(directory),
    ]);
  const issue = (name: string, authority: KeyPair, subject: string) =>
    issueCertificate({ directory, name, authority, subject, usage: 'clientAuth' });
  const [serving, admin, node, frontProxy] = await Promise.all([
    issueCertificate({
      directory,
      name: 'serving',
      authority: servingAuthority,
      subject: '/CN=kube-apiserver',
      usage: 'serverAuth',
      alternativeNames: servingNames,
    }),
    issue('admin', clientAuthority, '/O=system:masters/CN=admin-cert'),
    issue('node-1', clientAuthority, '/O=system:nodes/CN=system:node:node-1'),
    issue('front-proxy', frontProxyAuthority, '/CN=front-proxy-client'),
  ]);
  return {
    servingAuthority,
    clientAuthority,
    frontProxyAuthority,
    serving,
    admin,
    node,
    frontProxy,
    ...serviceAccount,
  };
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

function pairOf(directory: string, name: string): KeyPair {
  return { certFile: join(directory, `${name}.crt`), keyFile: join(directory, `${name}.key`) };
}

/** A self-signed authority of its own. */
export async function makeAuthority(directory: string, name: string): Promise<KeyPair> {
  const pair = pairOf(directory, name);
  await openssl(
    ['req', '-x509', ...newKey, '-days', String(days), '-subj', `/CN=${name}`],
    ['-keyout', pair.keyFile, '-out', pair.certFile],
  );
  return pair;
}

export interface CertificateRequest {
  readonly directory: string;
  /** File name without its ending; one name per folder. */
  readonly name: string;
  readonly authority: KeyPair;
  /** As openssl writes it: `/O=group/CN=user`. */
  readonly subject: string;
  readonly usage: 'clientAuth' | 'serverAuth';
  /** As openssl writes them: `DNS:localhost,IP:127.0.0.1`. */
  readonly alternativeNames?: string;
  /** Until its end; 0 for one that ends within the second. */
  readonly days?: number;
}

/** Issues a certificate; also for tests that need one more user, or the serving side of a proxy. */
export async function issueCertificate(request: CertificateRequest): Promise<KeyPair> {
  const pair = pairOf(request.directory, request.name);
  const requestFile = join(request.directory, `${request.name}.csr`);
  const extensionFile = join(request.directory, `${request.name}.ext`);
  const extensions = ['keyUsage=digitalSignature', `extendedKeyUsage=${request.usage}`];
  if (request.alternativeNames !== undefined) {
    extensions.push(`subjectAltName=${request.alternativeNames}`);
  }
  await writeFile(extensionFile, `${extensions.join('\n')}\n`);
  await openssl(
    ['req', '-new', '-utf8', ...newKey, '-subj', request.subject],
    ['-keyout', pair.keyFile, '-out', requestFile],
  );
  // A random serial number instead of a serial file: certificates are issued in parallel.
  const serial = `0x${crypto.randomUUID().replaceAll('-', '')}`;
  await openssl(
    ['x509', '-req', '-in', requestFile, '-days', String(request.days ?? days)],
    ['-extfile', extensionFile],
    ['-CA', request.authority.certFile, '-CAkey', request.authority.keyFile],
    ['-set_serial', serial, '-out', pair.certFile],
  );
  return pair;
}

async function makeServiceAccountKeys(
  directory: string,
): Promise<Pick<Certificates, 'serviceAccountKeyFile' | 'serviceAccountPublicKeyFile'>> {
  const serviceAccountKeyFile = join(directory, 'service-account.key');
  const serviceAccountPublicKeyFile = join(directory, 'service-account.pub');
  await openssl(['genrsa', '-out', serviceAccountKeyFile, '2048']);
  await openssl([
    'rsa',
    '-in',
    serviceAccountKeyFile,
    '-pubout',
    '-out',
    serviceAccountPublicKeyFile,
  ]);
  return { serviceAccountKeyFile, serviceAccountPublicKeyFile };
}
