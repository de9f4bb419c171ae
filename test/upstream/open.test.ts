import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterAll, describe, expect, test } from 'vitest';
import { Secret } from '../../src/upstream/cluster-config.ts';
import { Upstream } from '../../src/upstream/upstream.ts';
import { raw, useServers } from './support/harness.ts';
import {
  answer,
  bytesOf,
  plainCluster,
  startHttp,
  startHttps,
  tlsCluster,
  until,
} from './support/server.ts';
import type { ServerResponse, TestServer } from './support/server.ts';

const harness = useServers();
const { closing } = harness;
const directory = mkdtempSync(join(tmpdir(), 'watershed-open-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function text(upstream: Upstream, path: string): Promise<string> {
  const response = await upstream.open(path);
  return (await bytesOf(response.body)).toString();
}

describe('tokens', () => {
  test('a token file that was rotated is read again after a 401', async () => {
    const file = join(directory, 'token');
    writeFileSync(file, 'first\n');
    let valid = 'first';
    const server = closing(
      await startHttp((request, response) => {
        const good = request.headers.authorization === `Bearer ${valid}`;
        answer(response, good ? 200 : 401, request.headers.authorization ?? 'none');
      }),
    );
    const upstream = closing(Upstream.connect(plainCluster(server, { tokenFile: file })));
    expect(await text(upstream, '/a')).toBe('Bearer first');
    writeFileSync(file, 'second');
    expect(await text(upstream, '/a')).toBe('Bearer first');
    valid = 'second';
    const answers = await Promise.all([1, 2, 3].map(() => text(upstream, '/a')));
    expect(answers).toEqual(['Bearer second', 'Bearer second', 'Bearer second']);
    valid = 'third';
    expect((await upstream.open('/a')).status).toBe(401);
    expect(upstream.connectionCounters.credentialReads).toBe(2);
  });

  test('impersonation goes along as headers', async () => {
    const server = closing(
      await startHttp((request, response) => answer(response, 200, request.rawHeaders)),
    );
    const upstream = closing(
      Upstream.connect(
        plainCluster(server, {
          token: new Secret('t'),
          impersonate: {
            user: 'jane',
            groups: ['a', 'b'],
            uid: '7',
            extra: [{ key: 'example.org/scopes', values: ['x', 'y'] }],
          },
        }),
      ),
    );
    const sent = JSON.parse(await text(upstream, '/a')) as string[];
    expect(sent.slice(4)).toEqual(
      raw(
        'user-agent: watershed',
        'authorization: Bearer t',
        'Impersonate-User: jane',
        'Impersonate-Group: a',
        'Impersonate-Group: b',
        'Impersonate-Uid: 7',
        'Impersonate-Extra-example.org%2Fscopes: x',
        'Impersonate-Extra-example.org%2Fscopes: y',
        'accept: application/json',
      ),
    );
  });

  test('a token file that cannot be read is a coded error without content', async () => {
    const server = closing(await startHttp((_request, response) => answer(response, 200, 'x')));
    const file = join(directory, 'absent');
    const upstream = closing(Upstream.connect(plainCluster(server, { tokenFile: file })));
    await expect(upstream.open('/a')).rejects.toMatchObject({
      code: 'credentials',
      message: `${file} cannot be read (ENOENT)`,
    });
    expect(server.accepted()).toBe(0);
  });
});

describe('client certificates', () => {
  test('changed certificate files rebuild the connections', async () => {
    const certFile = join(directory, 'tls.crt');
    const keyFile = join(directory, 'tls.key');
    const write = (name: string): void => {
      const pair = harness.certificates.client(name);
      writeFileSync(certFile, pair.cert);
      writeFileSync(keyFile, pair.key);
    };
    write('one');
    const server = closing(
      await startHttps(harness.certificates, (request, response) => {
        response.end((request.socket as TLSSocket).getPeerCertificate().subject.CN);
      }),
    );
    const upstream = closing(
      Upstream.connect(
        tlsCluster(server, harness.certificates, {
          clientCertificate: { kind: 'file', path: certFile },
          clientKey: { kind: 'file', path: keyFile },
        }),
        { credentialRefreshMs: 50 },
      ),
    );
    expect(await text(upstream, '/a')).toBe('one');
    write('two');
    await until(() => upstream.counters.rotations > 0);
    expect(await text(upstream, '/a')).toBe('two');
    writeFileSync(keyFile, 'broken');
    await until(() => upstream.counters.errors > 0);
    expect(await text(upstream, '/a')).toBe('two');
  });

  test('a key that does not fit is named, its content is not', async () => {
    const server = closing(
      await startHttps(harness.certificates, (_request, response) => response.end()),
    );
    const cert = new Secret(harness.certificates.client('a').cert);
    const key = new Secret(harness.certificates.client('b').key);
    const upstream = closing(
      Upstream.connect(
        tlsCluster(server, harness.certificates, {
          clientCertificate: { kind: 'data', pem: cert, origin: 'f: users[name=a]' },
          clientKey: { kind: 'data', pem: key, origin: 'f: users[name=a]' },
        }),
      ),
    );
    const error = (await upstream.open('/a').catch((thrown: unknown) => thrown)) as Error;
    expect(error).toMatchObject({ code: 'credentials' });
    expect(error.message).toContain('f: users[name=a]');
    expect(error.message).not.toContain('BEGIN');
  });
});

describe('watches', () => {
  async function serve(onWatch: (response: ServerResponse) => void) {
    const server: TestServer = closing(
      await startHttps(harness.certificates, (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        onWatch(response);
      }),
    );
    return {
      server,
      upstream: closing(Upstream.connect(tlsCluster(server, harness.certificates))),
    };
  }

  test('250 watches run side by side, each chunk by chunk', async () => {
    const streams: ServerResponse[] = [];
    const { server, upstream } = await serve((response) => {
      response.write('{}\n');
      streams.push(response);
    });
    const opened = await Promise.all(
      Array.from({ length: 250 }, (_, at) => upstream.open(`/api/v1/x${at}?watch=1`)),
    );
    expect(server.accepted()).toBe(250);
    const readers = opened.map((response) => response.body[Symbol.asyncIterator]());
    for (const reader of readers) {
      expect((await reader.next()).value.toString()).toBe('{}\n');
    }
    for (const [at, stream] of streams.entries()) {
      stream.write(`${at}\n`);
    }
    const got = await Promise.all(
      readers.map(async (reader) => (await reader.next()).value.toString()),
    );
    expect(new Set(got).size).toBe(250);
    for (const response of opened) {
      response.body.destroy();
    }
    await until(() => upstream.inFlight('readerWatches') === 0);
  });

  test('a cut connection ends its watches as reset, and the next watch works', async () => {
    const { server, upstream } = await serve((response) => response.write('{}\n'));
    const response = await upstream.open('/w?watch=true');
    const chunks = response.body[Symbol.asyncIterator]();
    await chunks.next();
    for (const socket of server.sockets) {
      socket.destroy();
    }
    await expect(chunks.next()).rejects.toMatchObject({ code: 'reset' });
    const again = await upstream.open('/w?watch=true');
    expect((await again.body[Symbol.asyncIterator]().next()).value.toString()).toBe('{}\n');
    again.body.destroy();
  });

  test('a slow reader holds upstream back and loses nothing', async () => {
    const block = Buffer.alloc(256 * 1024, 'y');
    let written = 0;
    const { upstream } = await serve((response) => {
      const pump = (): void => {
        while (written < 200) {
          written += 1;
          if (!response.write(block)) {
            response.once('drain', pump);
            return;
          }
        }
        response.end();
      };
      pump();
    });
    const response = await upstream.open('/w?watch=true');
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(written).toBeLessThan(200);
    expect((await bytesOf(response.body)).length).toBe(200 * block.length);
  });
});
