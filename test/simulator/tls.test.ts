import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { startSimulator } from '../../src/simulator/simulator.ts';
import { quiet } from './support.ts';

const directory = mkdtempSync(join(tmpdir(), 'watershed-simulator-'));
const certFile = join(directory, 'cert.pem');
const keyFile = join(directory, 'key.pem');
const openssl =
  `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=127.0.0.1 ` +
  `-addext subjectAltName=IP:127.0.0.1 -keyout ${keyFile} -out ${certFile}`;
execFileSync('openssl', openssl.split(' '), { stdio: 'ignore' });
const cert = readFileSync(certFile);
const simulator = await startSimulator({ ...quiet, tls: { cert, key: readFileSync(keyFile) } });

afterAll(async () => {
  await simulator.close();
  rmSync(directory, { recursive: true });
});

describe('over TLS', () => {
  test('HTTP/1.1 is spoken', async () => {
    const version = await new Promise<string>((resolve, reject) => {
      const sent = request(`${simulator.url}/version`, { ca: cert, agent: false }, (message) => {
        message.resume();
        resolve(message.httpVersion);
      });
      sent.once('error', reject).end();
    });
    expect(version).toBe('1.1');
  });

  test('a cancelled HTTP/2 watch leaves nothing behind', async () => {
    const session = connectHttp2(simulator.url, { ca: cert });
    const stream = session.request({ ':path': '/api/v1/secrets?watch=1' });
    await once(stream, 'response');
    expect(simulator.watchCounts()['v1/secrets']).toBe(1);
    stream.close();
    await expect.poll(() => simulator.watchCounts()['v1/secrets']).toBeUndefined();
    session.destroy();
  });

  test('HTTP/2 carries a watch and ends it, and a cut ends the session', async () => {
    const session = connectHttp2(simulator.url, { ca: cert });
    session.on('error', () => undefined);
    const watch = async (query: string): Promise<string> => {
      const stream = session.request({ ':path': `/api/v1/namespaces?watch=1&${query}` });
      stream.setEncoding('utf8');
      stream.on('error', () => undefined);
      let text = '';
      for await (const chunk of stream) {
        text += String(chunk);
        if (query === '') simulator.faults.cut();
      }
      return text;
    };
    expect(await watch('timeoutSeconds=1')).toContain('"type":"ADDED"');
    const closed = new Promise((resolve) => session.once('close', resolve));
    await watch('').catch(() => undefined);
    await closed;
    expect(session.destroyed).toBe(true);
  });
});
