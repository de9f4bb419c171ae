import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { selfSignedFiles, ServingCertificate } from '../../src/proxy/tls.ts';
import { TestAuthority } from '../support/certificates.ts';
import { openTls } from '../support/recording-client.ts';
import { EdgeFixture } from './edge-fixture.ts';

let authority: TestAuthority;
let root: string;
let directory: string;

beforeAll(async () => {
  authority = await TestAuthority.create();
  root = await mkdtemp(join(tmpdir(), 'watershed-test-tls-'));
});

beforeEach(async () => {
  directory = await mkdtemp(join(root, 'case-'));
});

afterAll(async () => {
  await authority.remove();
  await rm(root, { recursive: true, force: true });
});

describe('a self-signed certificate', () => {
  test('is made under the names of kube-apiserver, for every name its clients dial', async () => {
    const files = await selfSignedFiles(join(directory, 'pki'), ['10.1.2.3', 'proxy.example']);
    expect(await readdir(join(directory, 'pki'))).toEqual(['apiserver.crt', 'apiserver.key']);
    const certificate = new X509Certificate(await readFile(files.certFile));
    for (const name of [
      'localhost',
      'kubernetes',
      'kubernetes.default',
      'kubernetes.default.svc',
      'kubernetes.default.svc.cluster.local',
      'proxy.example',
    ]) {
      expect(certificate.checkHost(name)).toBe(name);
    }
    for (const address of ['127.0.0.1', '::1', '10.1.2.3']) {
      expect(certificate.checkIP(address)).toBe(address);
    }
    expect(certificate.checkHost('example.com')).toBeUndefined();
    expect(certificate.ca).toBe(false);
  });

  test('has a key that only its owner may read', async () => {
    const { keyFile } = await selfSignedFiles(directory);
    expect((await stat(keyFile)).mode & 0o777).toBe(0o600);
  });

  test('is a file that clients can trust as it is', async () => {
    const files = await selfSignedFiles(directory);
    const certificate = await ServingCertificate.load(files);
    const edge = await EdgeFixture.create();
    const running = await edge.start({ certificate });
    const ca = await readFile(files.certFile);
    const socket = await openTls({ port: running.port, ca, servername: 'kubernetes' }, ['h2']);
    expect(socket.authorized).toBe(true);
    socket.destroy();
    const verified = execFileSync('openssl', [
      'verify',
      '-CAfile',
      files.certFile,
      files.certFile,
    ]).toString();
    expect(verified).toContain('OK');
    certificate.close();
    await edge.close();
  });

  test('is made once and then kept', async () => {
    const first = await selfSignedFiles(directory);
    const before = await readFile(first.certFile);
    await selfSignedFiles(directory, ['other.example']);
    expect(await readFile(first.certFile)).toEqual(before);
  });

  test('is not made beside half a pair', async () => {
    await writeFile(join(directory, 'apiserver.crt'), 'x');
    await expect(selfSignedFiles(directory)).rejects.toThrow(/belong together/);
  });

  test('is refused for a name that is none', async () => {
    await expect(selfSignedFiles(directory, ['a,DNS:b'])).rejects.toThrow(/neither a DNS name/);
    expect(await readdir(directory)).toEqual([]);
  });

  test('says what to do when openssl is missing', async () => {
    const path = process.env.PATH;
    process.env.PATH = directory;
    try {
      await expect(selfSignedFiles(directory)).rejects.toThrow(/openssl.*--tls-cert-file/s);
    } finally {
      process.env.PATH = path;
    }
  });
});

describe('certificate files', () => {
  test.each([
    ['a missing certificate', { certFile: 'nowhere.crt' }, /cannot read the TLS certificate/],
    ['a missing key', { keyFile: 'nowhere.key' }, /cannot read the TLS private key/],
    ['a certificate that is none', { certFile: 'junk' }, /holds no PEM certificate/],
    ['a key that is none', { keyFile: 'junk' }, /holds no PEM private key/],
    ['a key of another certificate', { keyFile: 'other.key' }, /is not that of/],
  ])('%s is refused with its file name', async (_name, replaced, message) => {
    const issued = await authority.issue();
    const other = await authority.issue();
    await writeFile(join(directory, 'junk'), 'junk');
    await writeFile(join(directory, 'other.key'), other.key);
    const names = Object.fromEntries(
      Object.entries(replaced).map(([key, name]) => [key, join(directory, name)]),
    );
    await expect(
      ServingCertificate.load({ certFile: issued.certFile, keyFile: issued.keyFile, ...names }),
    ).rejects.toThrow(message);
  });

  test('a changed pair is taken over, also behind a swapped symlink', async () => {
    const pairs = [await authority.issue(), await authority.issue()];
    for (const [i, pair] of pairs.entries()) {
      await writeFile(join(directory, `${i}.crt`), pair.cert);
      await writeFile(join(directory, `${i}.key`), pair.key);
    }
    const files = { certFile: join(directory, 'tls.crt'), keyFile: join(directory, 'tls.key') };
    const point = async (i: number) => {
      for (const [file, target] of [
        [files.certFile, `${i}.crt`],
        [files.keyFile, `${i}.key`],
      ]) {
        await symlink(target, `${file}.new`);
        await rename(`${file}.new`, file);
      }
    };
    await point(0);
    const certificate = await ServingCertificate.load(files);
    let changes = 0;
    certificate.onChange(() => changes++);
    expect(await certificate.reload()).toBe(false);
    await point(1);
    expect(await certificate.reload()).toBe(true);
    expect(certificate.context.cert).toEqual(pairs[1].cert);
    expect([changes, certificate.reloads]).toEqual([1, 1]);
    expect(certificate.notAfterMs).toBeGreaterThan(Date.now());
    certificate.close();
  });

  test('are read again by themselves', async () => {
    const pairs = [await authority.issue(), await authority.issue()];
    const files = { certFile: join(directory, 'tls.crt'), keyFile: join(directory, 'tls.key') };
    const write = async (i: number) => {
      await writeFile(files.certFile, pairs[i].cert);
      await writeFile(files.keyFile, pairs[i].key);
    };
    await write(0);
    const certificate = await ServingCertificate.load(files, { intervalMs: 10 });
    const changed = new Promise<void>((resolve) => certificate.onChange(resolve));
    await write(1);
    await changed;
    expect(certificate.context.cert).toEqual(pairs[1].cert);
    certificate.close();
  });

  test('a half-written pair is reported and the old one stays', async () => {
    const [first, second] = [await authority.issue(), await authority.issue()];
    const files = { certFile: join(directory, 'tls.crt'), keyFile: join(directory, 'tls.key') };
    await writeFile(files.certFile, first.cert);
    await writeFile(files.keyFile, first.key);
    const problems: string[] = [];
    const certificate = await ServingCertificate.load(files, {
      onProblem: (error) => problems.push(error.message),
    });
    await writeFile(files.certFile, second.cert);
    expect(await certificate.reload()).toBe(false);
    await writeFile(files.certFile, second.cert.subarray(0, 100));
    expect(await certificate.reload()).toBe(false);
    await rm(files.certFile);
    expect(await certificate.reload()).toBe(false);
    expect(problems).toHaveLength(3);
    expect(certificate.failedReloads).toBe(3);
    expect(certificate.context.cert).toEqual(first.cert);
    certificate.close();
  });
});
