// Everything Watershed does not serve itself: kubectl's commands, writes, subresources, upgrades. Run
// once against kube-apiserver and once through Watershed; the outcome is the same.
//
// The cluster has no kubelet: logs, exec and port-forward must fail with the apiserver's own words.

import { randomUUID } from 'node:crypto';
import { connect } from 'node:tls';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CommandResult } from './control-plane/control-plane.ts';
import { differences } from './support/compare.ts';
import { buildTimeoutMs, describeWithControlPlane } from './support/go.ts';
import { collection, object, query } from './support/resources.ts';
import { authorization, quietFlags, startStack } from './support/stack.ts';
import type { Protocol, Request, Stack } from './support/stack.ts';

const sides = ['direct', 'proxied'] as const;
type Side = (typeof sides)[number];

/** kubectl commands that change nothing; their output must be the same. */
const reads: readonly (readonly string[])[] = [
  ['get', 'pods', '-A', '-o', 'name'],
  ['get', 'pods', '-A', '-o', 'yaml'],
  ['get', 'pod', 'n', '-n', 'a', '-o', 'json'],
  ['get', 'widgets', '-A', '-o', 'json'],
  ['get', 'gadget', 'n.b', '-o', 'yaml'],
  ['get', 'pods', '-n', 'a', '--field-selector=spec.nodeName=node-1', '-o', 'name'],
  ['get', 'configmaps', '-A', '-l', 'color in (red,blue)', '-o', 'name', '--chunk-size=2'],
  ['get', 'pods', '-n', 'a', '--no-headers', '-o', 'custom-columns=:metadata.name,:spec.nodeName'],
  ['get', 'secrets', '-A'],
  ['get', 'events', '-A'],
  ['get', 'pod', 'none', '-n', 'a'],
  ['get', 'nothings'],
  ['get', 'pods', '-n', 'a', '-l', 'a in'],
  ['get', 'pods', '-n', 'a', '--field-selector=foo=bar'],
  ['get', '--raw', '/api/v1/namespaces/a/pods?limit=1'],
  ['get', '--raw', '/version'],
  ['get', '--raw', '/healthz'],
  ['get', '--raw', '/nope'],
  ['get', '--raw', '/apis/demo.watershed.dev/v1/widgets'],
  ['logs', 'n', '-n', 'a'],
  ['logs', 'n-b', '-n', 'a'],
  ['exec', 'n', '-n', 'a', '--', 'true'],
  ['attach', 'n', '-n', 'a'],
  ['port-forward', 'pod/n', '-n', 'a', ':80'],
  ['api-resources', '-o', 'name'],
  ['api-versions'],
  ['explain', 'pods.spec.nodeName'],
  ['auth', 'whoami', '-o', 'json'],
  ['auth', 'can-i', '--list', '-n', 'a'],
  ['version', '-o', 'json'],
  ['cluster-info', 'dump', '--namespaces=a', '-o', 'name'],
];

/** Whole little stories; each is told on both sides, on an object of its own. */
const story: readonly { readonly args: readonly string[]; readonly input?: boolean }[] = [
  { args: ['apply', '-f', '-'], input: true },
  { args: ['apply', '-f', '-', '--server-side', '--force-conflicts'], input: true },
  { args: ['diff', '-f', '-'], input: true },
  { args: ['get', 'configmap', 'NAME', '-n', 'a', '-o', 'jsonpath={.data}'] },
  { args: ['label', 'configmap', 'NAME', '-n', 'a', 'added=yes'] },
  { args: ['annotate', 'configmap', 'NAME', '-n', 'a', 'note=ü', '--overwrite'] },
  {
    args: [
      'patch',
      'configmap',
      'NAME',
      '-n',
      'a',
      '--type=json',
      '-p',
      '[{"op":"add","path":"/data/b","value":"2"}]',
    ],
  },
  {
    args: ['patch', 'configmap', 'NAME', '-n', 'a', '--type=strategic', '-p', '{"data":{"c":"3"}}'],
  },
  { args: ['patch', 'configmap', 'NAME', '-n', 'a', '-p', 'nonsense'] },
  { args: ['get', 'configmap', 'NAME', '-n', 'a', '-o', 'jsonpath={.data}{.metadata.labels}'] },
  { args: ['describe', 'configmap', 'NAME', '-n', 'a'] },
  { args: ['wait', 'configmap/NAME', '-n', 'a', '--for=jsonpath={.data.b}=2', '--timeout=20s'] },
  { args: ['replace', '-f', '-'], input: true },
  { args: ['delete', 'configmap', 'NAME', '-n', 'a'] },
  { args: ['delete', 'configmap', 'NAME', '-n', 'a'] },
];

describeWithControlPlane('What passes through', () => {
  let stack: Stack;
  let kubeconfigs: Record<Side, string>;

  beforeAll(async () => {
    stack = await startStack({ controlPlane: { apiserverFlags: quietFlags } });
    const { controlPlane, watershed } = stack;
    kubeconfigs = {
      direct: await controlPlane.kubeconfig('admin'),
      proxied: await controlPlane.kubeconfig('admin', { server: watershed.url }),
    };
  }, buildTimeoutMs);

  afterAll(async () => {
    await stack?.stop();
  });

  /** With the address of the server taken out of the output. */
  async function kubectl(side: Side, args: readonly string[], input = ''): Promise<CommandResult> {
    const { controlPlane, watershed } = stack;
    const result = await controlPlane.kubectl(kubeconfigs[side], args, input);
    const address = (side === 'direct' ? controlPlane.url : watershed.url).slice('https://'.length);
    const neutral = (text: string): string => neutralText(text).replaceAll(address, 'SERVER');
    return { ...result, stdout: neutral(result.stdout), stderr: neutral(result.stderr) };
  }

  describe('kubectl reads', () => {
    for (const args of reads) {
      test(args.join(' '), async () => {
        expect(await kubectl('proxied', args)).toEqual(await kubectl('direct', args));
      });
    }

    test('get in columns, ages aside', async () => {
      for (const what of ['pods', 'nodes', 'widgets', 'leases', 'services']) {
        const args = ['get', what, '-A', '--no-headers'];
        const [direct, proxied] = await Promise.all(sides.map((side) => kubectl(side, args)));
        const withoutAges = (text: string): string => text.replaceAll(/ \d+[smh]\S*/g, ' AGE');
        expect(withoutAges(proxied.stdout)).toBe(withoutAges(direct.stdout));
        expect(proxied.code).toBe(0);
      }
    });

    test('get -w shows what happens', async () => {
      const args = ['get', 'configmaps', '-n', 'ab', '--request-timeout=6s'];
      const watching = sides.map((side) => kubectl(side, [...args, '-w', '-o', 'name']));
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      const path = object('configmaps', 'ab', 'seen');
      const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'seen' } };
      await stack.controlPlane.request('POST', collection('configmaps', 'ab'), { body });
      await stack.controlPlane.request('DELETE', path);
      const [direct, proxied] = await Promise.all(watching);
      expect(proxied.stdout).toBe(direct.stdout);
      expect(proxied.stdout).toMatch(/configmap\/seen\nconfigmap\/seen\n$/);
    });
  });

  test('kubectl applies, changes, describes and deletes', async () => {
    const told: Record<Side, string[]> = { direct: [], proxied: [] };
    for (const side of sides) {
      const name = `story-${side}`;
      const data = { text: 'é <&> "quoted"\n' };
      const metadata = { name, namespace: 'a' };
      const manifest = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data });
      for (const { args, input } of story) {
        const words = args.map((word) => word.replace('NAME', name));
        const result = await kubectl(side, words, input === true ? manifest : '');
        const { code, stdout, stderr } = result;
        told[side].push(`${args[0]} ${code}\n${stdout}${stderr}`.replaceAll(name, 'NAME'));
      }
    }
    expect(told.proxied).toEqual(told.direct);
    expect(told.proxied[0]).toContain('configmap/NAME created');
  }, 90_000);

  const json = { 'content-type': 'application/json' };
  const merge = { 'content-type': 'application/merge-patch+json' };
  const pod = object('pods', 'a', 'n');
  const review = { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview' };
  const attributes = { verb: 'list', resource: 'pods' };
  const requests: readonly Request[] = [
    {
      method: 'POST',
      path: `${collection('configmaps', 'a')}?dryRun=All`,
      headers: json,
      body: '{',
    },
    { method: 'POST', path: collection('configmaps', 'a'), headers: json, body: '{}' },
    {
      method: 'POST',
      path: collection('configmaps', 'a'),
      headers: { 'content-type': 'text/plain' },
      body: 'x',
    },
    { method: 'PUT', path: `${pod}?dryRun=All`, headers: json, body: '{}' },
    {
      method: 'PATCH',
      path: `${pod}?dryRun=All`,
      headers: merge,
      body: '{"metadata":{"labels":{"x":"1"}}}',
    },
    { method: 'PATCH', path: pod, headers: json, body: '{}' },
    {
      method: 'PATCH',
      path: `${pod}/status?dryRun=All`,
      headers: merge,
      body: '{"status":{"phase":"Failed"}}',
    },
    { method: 'DELETE', path: `${pod}?dryRun=All&gracePeriodSeconds=0` },
    { method: 'DELETE', path: `${collection('pods', 'no-such-namespace')}?dryRun=All` },
    { method: 'DELETE', path: object('pods', 'a', 'none') },
    {
      method: 'POST',
      path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
      headers: json,
      body: JSON.stringify({ ...review, spec: { resourceAttributes: attributes } }),
    },
    { method: 'POST', path: collection('pods'), headers: json, body: '{}' },
    { method: 'HEAD', path: pod },
    { method: 'HEAD', path: collection('widgets') },
    { method: 'OPTIONS', path: collection('pods') },
    { method: 'TRACE', path: collection('pods') },
    { method: 'POST', path: collection('pods', 'a'), user: 'alice', headers: json, body: '{}' },
    { method: 'DELETE', path: pod, user: null },
    { path: `${pod}/log` },
    { path: `${pod}/exec?command=true` },
    { path: `${pod}/proxy/` },
    { path: '/api/v1/nodes/node-1/proxy/metrics' },
    { path: '/openapi/v2', headers: { 'accept-encoding': 'gzip' } },
    { path: collection('pods'), headers: { 'impersonate-user': 'alice' } },
    {
      path: collection('pods'),
      headers: { 'impersonate-user': 'x', 'impersonate-group': ['a', 'b'] },
    },
    { path: collection('pods'), user: 'alice', headers: { 'impersonate-user': 'admin' } },
  ];

  for (const protocol of ['http/1.1', 'h2'] as readonly Protocol[]) {
    describe(`requests over ${protocol}`, () => {
      for (const request of requests) {
        const { method = 'GET', path, user = 'admin', headers, body } = request;
        const extra = JSON.stringify(headers ?? {});
        test(`${method} ${path} by ${user} ${extra} ${String(body ?? '').slice(0, 40)}`, async () => {
          const auditId = randomUUID();
          const all = { ...request.headers, 'audit-id': auditId };
          const [direct, proxied] = await Promise.all(
            sides.map((side) => stack[side]({ ...request, headers: all, protocol })),
          );
          const logged = await stack.watershed.logged(auditId);
          expect(logged.source).toBe('passthrough');
          for (const answer of [direct, proxied]) {
            if (answer.header('content-encoding') !== undefined) continue;
            answer.chunks.splice(0, answer.chunks.length, Buffer.from(neutralText(answer.text)));
          }
          const found = differences(direct, proxied, { protocol, from: 'passthrough' });
          expect(found, found.join('\n')).toEqual([]);
        });
      }
    });
  }

  test('a body is carried byte for byte, and written once', async () => {
    const data = { text: `${'x'.repeat(300_000)} é \u2028` };
    const metadata = { name: 'large', annotations: { note: '<&> "' } };
    const body = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data });
    const headers = { 'content-type': 'application/json' };
    for (const protocol of ['http/1.1', 'h2'] as readonly Protocol[]) {
      const path = collection('configmaps', 'ab');
      const answer = await stack.proxied({ method: 'POST', path, headers, body, protocol });
      expect(answer.status).toBe(201);
      const read = await stack.direct({ path: object('configmaps', 'ab', 'large') });
      expect(read.text).toBe(answer.text);
      expect((read.json() as { data: unknown }).data).toEqual(data);
      const gone = await stack.proxied({ method: 'DELETE', path: `${path}/large`, protocol });
      expect(gone.status).toBe(200);
    }
  });

  test('a watch over a WebSocket is spliced through', async () => {
    const path = collection('configmaps', 'a') + query({ watch: 1, resourceVersion: 0 });
    const [direct, proxied] = await Promise.all(
      sides.map((side) => webSocket(stack, side, path, 900)),
    );
    expect(direct.head).toContain('HTTP/1.1 101 Switching Protocols');
    expect(proxied).toEqual(direct);
  });

  test('a refused upgrade answers in upstream’s words', async () => {
    const path = `${object('pods', 'a', 'n')}/exec?command=true&stdout=1`;
    const [direct, proxied] = await Promise.all(
      sides.map((side) => webSocket(stack, side, path, 142)),
    );
    expect(proxied).toEqual(direct);
  });
});

/** Times and generated names are of one moment. */
function neutralText(text: string): string {
  return text
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, 'TIME')
    .replaceAll(/[A-Z]\d{4} \d\d:\d\d:\d\d\.\d{6} +\d+/g, 'KLOG')
    .replaceAll(/(?:LIVE|MERGED)-\d+/g, 'DIFF');
}

/** Status line and the first bytes after the head of an upgraded connection. */
async function webSocket(
  stack: Stack,
  side: Side,
  path: string,
  bodyBytes: number,
): Promise<{ head: string; body: string }> {
  const url = side === 'direct' ? stack.controlPlane.url : stack.watershed.url;
  const { hostname, port } = new URL(url);
  const socket = connect({
    host: hostname,
    port: Number(port),
    ca: readFileSync(stack.controlPlane.caFile),
    ALPNProtocols: ['http/1.1'],
  });
  const lines = [
    `GET ${path} HTTP/1.1`,
    'Host: localhost',
    `Authorization: ${authorization({}).authorization}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Origin: http://localhost',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  ];
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  let received = Buffer.alloc(0);
  for await (const chunk of socket) {
    received = Buffer.concat([received, chunk as Buffer]);
    const end = received.indexOf('\r\n\r\n');
    if (end >= 0 && received.length >= end + 4 + bodyBytes) break;
  }
  socket.destroy();
  const end = received.indexOf('\r\n\r\n');
  const head = received.subarray(0, Math.max(end, 0)).toString('latin1').split('\r\n');
  // A refusal is spliced like an upgrade, so its end is the connection's.
  const own = /^(?:date|audit-id|x-kubernetes-pf-\S*|connection: close|content-length):?/i;
  const kept = head.filter((line) => !own.test(line));
  return {
    head: kept.toSorted().join('\n'),
    body: received.subarray(end + 4, end + 4 + bodyBytes).toString('latin1'),
  };
}
