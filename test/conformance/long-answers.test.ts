// One HTTP/2 connection, as client-go has it: while a large list streams, or stands still because its reader does,
// PINGs are answered and the watches beside it go on. An unanswered PING makes client-go list everything again.

import { once } from 'node:events';
import { connect } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { buildTimeoutMs, describeWithControlPlane } from './support/go.ts';
import { collection } from './support/resources.ts';
import { authorization, startStack } from './support/stack.ts';
import type { Stack } from './support/stack.ts';

const objects = 32;
const objectBytes = 900_000;
const pings = 20;
const configMaps = collection('configmaps', 'a');

vi.setConfig({ testTimeout: 120_000 });

describeWithControlPlane('Beside a list of 30 MB on the same connection', () => {
  let stack: Stack;
  let session: ClientHttp2Session;

  beforeAll(async () => {
    stack = await startStack();
    for (let at = 0; at < objects; at++) {
      const body = {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: `large-${at}` },
        data: { text: 'x'.repeat(objectBytes) },
      };
      const answer = await stack.controlPlane.request('POST', configMaps, { body });
      expect(answer.status).toBe(201);
    }
    session = connect(stack.watershed.url, { ca: stack.authority });
    await once(session, 'connect');
  }, buildTimeoutMs);

  afterAll(async () => {
    session?.destroy();
    await stack?.stop();
  });

  function open(path: string): ClientHttp2Stream {
    return session.request({ ':path': path, ...authorization({}) });
  }

  function ping(): Promise<void> {
    return new Promise((resolve, reject) => {
      const sent = session.ping((error) => (error === null ? resolve() : reject(error)));
      if (!sent) reject(new Error('too many pings under way'));
    });
  }

  /** A watch whose events are waited for. */
  async function watch(): Promise<{ stream: ClientHttp2Stream; saw(text: string): Promise<void> }> {
    const stream = open(`${collection('configmaps', 'ab')}?watch=1&resourceVersion=0`);
    let told = '';
    stream.setEncoding('utf8').on('data', (chunk: string) => (told += chunk));
    await once(stream, 'response');
    const saw = (text: string): Promise<void> =>
      vi.waitUntil(() => told.includes(text), { timeout: 60_000, interval: 20 }).then(() => {});
    return { stream, saw };
  }

  async function label(value: string): Promise<void> {
    const body = { metadata: { labels: { label: value } } };
    const headers = { 'content-type': 'application/merge-patch+json' };
    const path = `${collection('configmaps', 'ab')}/n`;
    const answer = await stack.controlPlane.request('PATCH', path, { body, headers });
    expect(answer.status).toBe(200);
  }

  test('PINGs are answered and watches go on while its reader stands still', async () => {
    const { stream, saw } = await watch();
    const list = open(`${collection('configmaps')}?resourceVersion=0`);
    const [headers] = (await once(list, 'response')) as [Record<string, unknown>];
    expect(headers[':status']).toBe(200);
    // Not read at all: flow control holds it.
    for (let at = 0; at < pings; at++) await ping();
    await label('still');
    await saw('"label":"still"');
    list.close();
    stream.close();
  });

  test('PINGs are answered and watches go on while it flows', async () => {
    const { stream, saw } = await watch();
    const list = open(`${collection('configmaps')}?resourceVersion=0`);
    let bytes = 0;
    let answered = 0;
    list.on('data', (chunk: Buffer) => (bytes += chunk.length));
    const ended = once(list, 'end');
    for (let at = 0; at < pings; at++) {
      await ping();
      answered++;
    }
    await label('flowing');
    await Promise.all([ended, saw('"label":"flowing"')]);
    expect(answered).toBe(pings);
    expect(bytes).toBeGreaterThan(objects * objectBytes);
    stream.close();
  });
});
