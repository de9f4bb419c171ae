// gzip of LIST and GET, asked of kube-apiserver and of Watershed on a quiet cluster: the same answers are
// compressed, with the same headers, and what comes out of them is the same byte for byte. The compressed
// bytes themselves are of two compressors and may differ.

import { randomUUID } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RecordedResponse } from '../support/recorded-response.ts';
import { differences } from './support/compare.ts';
import { buildTimeoutMs, describeWithControlPlane } from './support/go.ts';
import { storeRevision } from './support/history.ts';
import { collection, object, query } from './support/resources.ts';
import { quietFlags, startStack } from './support/stack.ts';
import type { Protocol, Request, Stack } from './support/stack.ts';

/** Bodies of more than this are compressed. */
const threshold = 131_072;
const protocols: readonly Protocol[] = ['http/1.1', 'h2'];
const protobuf = 'application/vnd.kubernetes.protobuf';

const forms = {
  json: { get: 'application/json', list: 'application/json' },
  protobuf: { get: `${protobuf},application/json`, list: `${protobuf},application/json` },
  'json metadata': metadataIn('application/json'),
  'protobuf metadata': metadataIn(protobuf),
} as const;
type Form = keyof typeof forms;

function metadataIn(type: string) {
  const form = `${type};as=PartialObjectMetadata`;
  return { get: `${form};g=meta.k8s.io;v=v1`, list: `${form}List;g=meta.k8s.io;v=v1` };
}

/** Text that does not shrink to nothing, the same in every run. */
function filler(length: number): string {
  let text = '';
  for (let word = 1; text.length < length; word = (word * 48_271) % 2_147_483_647) {
    text += word.toString(36);
  }
  return text.slice(0, length);
}

describeWithControlPlane('gzip', () => {
  let stack: Stack;
  let revision: number;

  beforeAll(async () => {
    stack = await startStack({ controlPlane: { apiserverFlags: quietFlags } });
    for (const namespace of ['exact', 'many', 'wide']) {
      await write('POST', collection('namespaces'), { metadata: { name: namespace } });
    }
    await writeMany();
    revision = await storeRevision(stack);
  }, buildTimeoutMs);

  afterAll(async () => {
    await stack?.stop();
  });

  async function write(method: string, path: string, body: unknown): Promise<void> {
    const headers = { 'content-type': 'application/merge-patch+json' };
    const type = method === 'PATCH' ? { headers } : {};
    const answer = await stack.controlPlane.request(method, path, { body, ...type });
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.body.toString()}`);
  }

  /** Lists that need several buffers, whole objects and metadata alike; custom resources too. */
  async function writeMany(): Promise<void> {
    const annotations = { filler: filler(60_000) };
    for (let i = 0; i < 12; i++) {
      const metadata = { name: `n-${i}`, annotations };
      const data = { number: String(i) };
      await write('POST', collection('configmaps', 'many'), { metadata, data });
      const widget = { apiVersion: 'demo.watershed.dev/v1', kind: 'Widget', metadata };
      await write('POST', collection('widgets', 'many'), widget);
    }
    const wide = { metadata: { name: 'wide' }, data: { same: 'x'.repeat(200_000) } };
    await write('POST', collection('configmaps', 'wide'), wide);
  }

  async function compare(
    request: Request,
    from: 'cache' | 'passthrough' | 'either' = 'cache',
  ): Promise<{ direct: RecordedResponse; proxied: RecordedResponse; found: string[] }> {
    const auditId = randomUUID();
    const headers = { ...request.headers, 'audit-id': auditId };
    const [direct, proxied] = await Promise.all([
      stack.direct(request),
      stack.proxied({ ...request, headers }),
    ]);
    const logged = await stack.watershed.logged(auditId);
    const source = logged.source === 'cache' ? 'cache' : 'passthrough';
    const found = differences(plain(direct), plain(proxied), {
      protocol: request.protocol ?? 'http/1.1',
      from: source,
    });
    const encodings = [direct, proxied].map((answer) => answer.header('content-encoding'));
    if (encodings[0] !== encodings[1]) found.push(`encoding ${encodings[1]}, not ${encodings[0]}`);
    if (from !== 'either' && source !== from) {
      found.unshift(`answered by ${logged.source} (${logged.reason ?? ''})`);
    }
    return { direct, proxied, found };
  }

  describe.each(protocols)('over %s', (protocol) => {
    test.each(['exact', 'wide', 'many'])('the list of namespace %s in every form', async (ns) => {
      for (const name of ['configmaps', 'widgets'] as const) {
        for (const form of Object.values(forms)) {
          const headers = { accept: form.list, 'accept-encoding': 'gzip' };
          const path = collection(name, ns) + query({ resourceVersion: revision });
          const { found, direct, proxied } = await compare({ path, headers, protocol });
          expect(found, `${path} ${form.list}\n${found.join('\n')}`).toEqual([]);
          if (ns === 'many') expect(direct.header('content-encoding')).toBe('gzip');
          expect(counted(proxied, protocol)).toBe(counted(direct, protocol));
        }
      }
    });

    test.each(Object.keys(forms) as Form[])(
      'an object and a list at the threshold, %s',
      async (form) => {
        const metadata = form.endsWith('metadata');
        const name = `edge-${form.replace(' ', '-')}-${protocol.replace(/\W/g, '-')}`;
        const path = object('configmaps', 'exact', name);
        const selected = query({ fieldSelector: `metadata.name=${name}`, resourceVersion: 0 });
        await write('POST', collection('configmaps', 'exact'), { metadata: { name }, data: {} });
        const fill = (length: number) => {
          const text = filler(length);
          const content = metadata ? { metadata: { annotations: { text } } } : { data: { text } };
          return write('PATCH', path, content);
        };
        const reads: readonly Request[] = [
          { path: `${path}?resourceVersion=0`, headers: { accept: forms[form].get } },
          {
            path: collection('configmaps', 'exact') + selected,
            headers: { accept: forms[form].list },
          },
        ];
        for (const read of reads) {
          const seen: (string | undefined)[] = [];
          for (const size of [threshold, threshold + 1]) {
            await resize(fill, () => stack.direct(read).then(({ bytes }) => bytes), size);
            revision = await storeRevision(stack);
            const request = {
              path: read.path.replace('resourceVersion=0', `resourceVersion=${revision}`),
              headers: { ...read.headers, 'accept-encoding': 'gzip' },
              protocol,
            };
            const { found, direct, proxied } = await compare(request);
            expect(found, `${request.path}\n${found.join('\n')}`).toEqual([]);
            expect(plain(proxied).body.length).toBe(size);
            seen.push(direct.header('content-encoding'));
          }
          expect(seen).toEqual([undefined, 'gzip']);
        }
      },
    );

    test('only the exact token in the first header counts', async () => {
      const path = collection('configmaps', 'many') + query({ resourceVersion: revision });
      const seen = new Map<string, string | undefined>();
      for (const accepted of [
        'gzip',
        'deflate, gzip',
        'br ,\tgzip ,identity',
        'gzip;q=1',
        'gzip;q=0',
        'GZIP',
        'x-gzip',
        '*',
        'identity',
        '',
        ',',
        'gzip gzip',
        ['identity', 'gzip'],
        ['gzip', 'identity'],
      ]) {
        const request = { path, headers: { 'accept-encoding': accepted }, protocol };
        const { found, direct } = await compare(request);
        expect(found, `${String(accepted)}\n${found.join('\n')}`).toEqual([]);
        seen.set(String(accepted), direct.header('content-encoding'));
      }
      const compressed = [...seen].filter(([, encoding]) => encoding === 'gzip');
      expect(compressed.length).toBeGreaterThanOrEqual(3);
      expect(compressed.length).toBeLessThan(seen.size);
    });

    test('pages, objects that are not there, and watches', async () => {
      const headers = { 'accept-encoding': 'gzip' };
      const watch = { watch: 1, resourceVersion: 0, timeoutSeconds: 1 };
      for (const path of [
        collection('configmaps', 'many') + query({ limit: 2 }),
        collection('configmaps', 'many') + query({ limit: 5 }),
        collection('configmaps', 'many') + query({ limit: 5, labelSelector: '!none' }),
        `${object('configmaps', 'many', 'none')}?resourceVersion=0`,
        collection('configmaps', 'many') + query(watch),
      ]) {
        const { found, proxied } = await compare({ path, headers, protocol });
        expect(found, `${path}\n${found.join('\n')}`).toEqual([]);
        if (path.includes('watch')) expect(proxied.header('content-encoding')).toBeUndefined();
      }
    });

    test('what is passed through is compressed by upstream', async () => {
      const path = collection('configmaps', 'many');
      const headers = { accept: 'application/yaml', 'accept-encoding': 'gzip' };
      const { found, proxied } = await compare({ path, headers, protocol }, 'passthrough');
      expect(found, found.join('\n')).toEqual([]);
      expect(proxied.header('content-encoding')).toBe('gzip');
    });
  });

  test('the metrics count what was compressed', async () => {
    const metrics = await stack.watershed.metrics();
    const value = (name: string) => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(metrics)?.[1]);
    const plainBytes = value('watershed_gzip_plain_bytes_total');
    expect(value('watershed_gzip_responses_total')).toBeGreaterThan(10);
    expect(value('watershed_gzip_bytes_total')).toBeLessThan(plainBytes);
    expect(plainBytes).toBeGreaterThan(10 * threshold);
  });
});

/** Whether the length of the body was told in advance; by Go only of small bodies, compressed or not. */
function counted(response: RecordedResponse, protocol: Protocol): boolean | undefined {
  // Of bodies between the limits of the two protocols, compare.ts tells.
  if (protocol === 'h2') return undefined;
  return response.header('content-length') !== undefined;
}

/** The response as if it had not been compressed: without the encoding and the length, which is the compressor's. */
function plain(response: RecordedResponse): RecordedResponse {
  if (response.header('content-encoding') !== 'gzip') return response;
  const body = gunzipSync(response.body);
  const rawHeaders: string[] = [];
  for (let i = 0; i < response.rawHeaders.length; i += 2) {
    if (/^content-(?:length|encoding)$/i.test(response.rawHeaders[i])) continue;
    rawHeaders.push(response.rawHeaders[i], response.rawHeaders[i + 1]);
  }
  return Object.create(response, {
    rawHeaders: { value: rawHeaders },
    body: { value: body },
    text: { value: body.toString('utf8') },
  }) as RecordedResponse;
}

/** Makes what `measure` sees exactly `wanted` bytes long: lengths are told in bytes of their own. */
async function resize(
  fill: (length: number) => Promise<void>,
  measure: () => Promise<number>,
  wanted: number,
): Promise<void> {
  let length = wanted - 1_000;
  for (let attempt = 0; attempt < 10; attempt++) {
    await fill(length);
    const missing = wanted - (await measure());
    if (missing === 0) return;
    length += missing;
  }
  throw new Error(`no object of ${wanted} bytes`);
}
