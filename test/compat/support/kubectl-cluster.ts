// What kubectl finds: the fixtures, plus a node with a kubelet that answers (kubelet/), pods of it that
// run, a deployment, a service and an event. Nothing in it changes by itself.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { awkwardNames } from '../../conformance/control-plane/fixture-objects.ts';
import { quietFlags, startStack } from '../../conformance/support/stack.ts';
import type { Stack } from '../../conformance/support/stack.ts';
import { kubeletBinary } from '../kubelet/build.ts';

const merge = { 'content-type': 'application/merge-patch+json' };
const pollMs = 50;
const kubeletTimeoutMs = 30_000;
/** Every time in a status; older than any test, so that ages are in days. */
const longAgo = '2026-01-01T00:00:00Z';
const labels = { app: 'web' };
const containers = [{ name: 'main', image: 'none', ports: [{ containerPort: 80, name: 'http' }] }];

/** Starts kube-apiserver, a kubelet and the proxy; `stop` of the result ends all. */
export async function startKubectlCluster(): Promise<Stack> {
  const stack = await startStack({ controlPlane: { apiserverFlags: quietFlags } });
  try {
    await addNode(stack, await startKubelet(stack));
    for (const name of awkwardNames) await makeReady(stack, name);
    for (const [path, body] of objects) await send(stack, 'POST', path, body);
    return stack;
  } catch (error) {
    await stack.stop();
    throw error;
  }
}

/** Returns the port of it. kube-apiserver does not verify certificates of kubelets by default. */
async function startKubelet({ controlPlane }: Stack): Promise<number> {
  const { certFile, keyFile } = controlPlane.certificates.serving;
  const args = [`--cert=${certFile}`, `--key=${keyFile}`];
  controlPlane.spawn('kubelet', await kubeletBinary(), args);
  const log = join(controlPlane.directory, 'kubelet.log');
  for (const deadlineMs = Date.now() + kubeletTimeoutMs; Date.now() < deadlineMs;) {
    const address = /^127\.0\.0\.1:(\d+)$/m.exec(readFileSync(log, 'utf8'));
    if (address !== null) return Number(address[1]);
    await sleep(pollMs);
  }
  throw new Error(`no kubelet: ${readFileSync(log, 'utf8')}`);
}

async function addNode(stack: Stack, port: number): Promise<void> {
  const status = {
    addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
    daemonEndpoints: { kubeletEndpoint: { Port: port } },
    capacity: { cpu: '4', memory: '8Gi', pods: '110' },
    allocatable: { cpu: '4', memory: '8Gi', pods: '110' },
    conditions: [condition('Ready', 'KubeletReady')],
  };
  await send(stack, 'PATCH', '/api/v1/nodes/node-1/status', { status });
}

async function makeReady(stack: Stack, name: string): Promise<void> {
  const state = { running: { startedAt: longAgo } };
  const container = { name: 'main', image: 'none', imageID: 'none', ready: true, restartCount: 0 };
  const status = {
    phase: 'Running',
    podIP: '10.1.0.1',
    startTime: longAgo,
    conditions: [condition('Initialized'), condition('ContainersReady'), condition('Ready')],
    containerStatuses: [{ ...container, state }],
  };
  await send(stack, 'PATCH', `/api/v1/namespaces/a/pods/${name}/status`, { status });
}

function condition(type: string, reason = 'AsTold'): object {
  const times = { lastTransitionTime: longAgo, lastHeartbeatTime: undefined };
  return { type, status: 'True', reason, message: 'ü <&>', ...times };
}

const objects: readonly (readonly [string, object])[] = [
  [
    '/apis/apps/v1/namespaces/a/deployments',
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web', labels },
      spec: {
        replicas: 2,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { containers } },
      },
    },
  ],
  [
    '/api/v1/namespaces/a/services',
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', labels },
      spec: { clusterIP: '10.0.0.10', selector: labels, ports: [{ port: 80, targetPort: 'http' }] },
    },
  ],
  [
    '/api/v1/namespaces/a/secrets',
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'held' },
      data: { word: Buffer.from('hidden').toString('base64') },
    },
  ],
  [
    '/api/v1/namespaces/a/events',
    {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'n.1' },
      involvedObject: { apiVersion: 'v1', kind: 'Pod', namespace: 'a', name: 'n' },
      reason: 'Told',
      message: 'something <&> happened',
      type: 'Normal',
      count: 3,
      firstTimestamp: longAgo,
      lastTimestamp: longAgo,
      source: { component: 'test' },
    },
  ],
];

async function send(stack: Stack, method: string, path: string, body: object): Promise<void> {
  const headers = method === 'PATCH' ? merge : {};
  const answer = await stack.controlPlane.request(method, path, { body, headers });
  if (answer.status < 300) return;
  throw new Error(`${method} ${path}: ${answer.status} ${answer.body.toString()}`);
}
