// Records anew what a real kube-apiserver answers in protobuf, beside its JSON, into recordings.jsonl:
//
//   node test/k8s/protobuf-recordings/record.ts
//
// Needs Go (see test/conformance/control-plane). One line per answer, its body in base64. Nothing
// moves while the collections are recorded, so that all answers about one collection show one state.

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startControlPlane } from '../../conformance/control-plane/control-plane.ts';
import type { ControlPlane } from '../../conformance/control-plane/control-plane.ts';
import { crds, crdGroup } from '../../conformance/control-plane/fixture-objects.ts';
import { quietFlags } from '../../conformance/support/stack.ts';
import { recordedCollections, recordedObjects } from './objects.ts';
import type { Recording } from './read.ts';

const accepts = {
  pb: 'application/vnd.kubernetes.protobuf',
  json: 'application/json',
  'pb-metadata': 'application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
  'json-metadata': 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
} as const;
type Form = keyof typeof accepts;
const forms = Object.keys(accepts) as Form[];
const initialEvents =
  'watch=1&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan';
const endMark = 'k8s.io/initial-events-end';
/** After this many writes a revision has a digit more. */
const roundRevision = 1000;
const settleMs = 300;

const recordings: Recording[] = [];
const controlPlane = await startControlPlane({ apiserverFlags: quietFlags });
try {
  await createObjects(controlPlane);
  await recordCollections();
  await recordSpecialLists();
  await recordCustom();
  await recordLive();
  await recordErrors();
} finally {
  await controlPlane.stop();
}
const text = recordings.map((recording) => `${JSON.stringify(recording)}\n`).join('');
writeFileSync(join(import.meta.dirname, 'recordings.jsonl'), text);
console.log(`${recordings.length} answers, ${text.length} bytes`);

async function createObjects(to: ControlPlane): Promise<void> {
  const key = join(to.directory, 'recorded.key');
  const certificateRequest = execFileSync(
    'openssl',
    [
      'req',
      '-new',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      key,
      '-subj',
      '/CN=x',
    ],
    { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
  );
  for (const { collection, object, status } of recordedObjects(certificateRequest)) {
    const created = await to.request('POST', collection, { body: object });
    if (created.status !== 201 && created.status !== 409) {
      throw new Error(`POST ${collection}: ${created.body.toString()}`);
    }
    if (status === undefined) continue;
    const { name } = object['metadata'] as { name: string };
    const patched = await to.request('PATCH', `${collection}/${name}/status`, {
      body: JSON.stringify({ status }),
      headers: { 'content-type': 'application/merge-patch+json' },
    });
    if (patched.status !== 200) throw new Error(`PATCH ${name}: ${patched.body.toString()}`);
  }
}

async function record(name: string, path: string, form: Form, token?: string): Promise<Buffer> {
  const answer = await controlPlane.request('GET', path, {
    headers: { accept: accepts[form] },
    ...(token === undefined ? {} : { token }),
  });
  keep(name, path, form, answer.status, answer.headers['content-type'] ?? '', answer.body);
  return answer.body;
}

function keep(
  name: string,
  path: string,
  form: Form,
  status: number,
  contentType: string,
  body: Buffer,
): void {
  recordings.push({ name, form, path, status, contentType, body: body.toString('base64') });
}

/** Opens a watch; the function returned ends it and keeps what came. */
async function open(name: string, path: string, form: Form): Promise<() => Promise<void>> {
  const message = await controlPlane.open('GET', path, {
    headers: { accept: accepts[form] },
  });
  const chunks: Buffer[] = [];
  message.on('data', (chunk: Buffer) => chunks.push(chunk));
  message.on('error', () => undefined);
  return async () => {
    if (path.includes('sendInitialEvents')) {
      while (!Buffer.concat(chunks).includes(endMark)) await sleep(20);
    }
    await sleep(settleMs);
    message.destroy();
    const type = message.headers['content-type'] ?? '';
    keep(name, path, form, message.statusCode ?? 0, type, Buffer.concat(chunks));
  };
}

async function recordCollections(): Promise<void> {
  for (const [root, plural] of recordedCollections) {
    const path = `${root}/${plural}`;
    const list = JSON.parse((await record(`${plural}/list`, path, 'json')).toString()) as {
      items: { metadata: { name: string; namespace?: string } }[];
    };
    const { name, namespace } = list.items[0].metadata;
    const one = `${root}${namespace === undefined ? '' : `/namespaces/${namespace}`}/${plural}/${name}`;
    for (const form of forms) {
      const accept = accepts[form].replace('PartialObjectMetadata', 'PartialObjectMetadataList');
      if (form !== 'json') {
        const answer = await controlPlane.request('GET', path, { headers: { accept } });
        keep(
          `${plural}/list`,
          path,
          form,
          answer.status,
          answer.headers['content-type'] ?? '',
          answer.body,
        );
      }
      await record(`${plural}/get`, one, form);
    }
    const ends = await Promise.all(
      forms.map((form) =>
        open(`${plural}/watch`, `${path}?${initialEvents}&timeoutSeconds=60`, form),
      ),
    );
    for (const end of ends) await end();
  }
}

async function recordSpecialLists(): Promise<void> {
  for (const form of ['pb', 'json'] as const) {
    await record('limit/list', '/api/v1/configmaps?limit=1', form);
    await record('empty/list', '/api/v1/namespaces/a-b/pods', form);
  }
}

/** Custom resources have PartialObjectMetadata in protobuf too. */
async function recordCustom(): Promise<void> {
  const [{ collection, object }] = crds;
  await controlPlane.request('POST', collection, { body: object });
  const path = `/apis/${crdGroup}/v1/widgets`;
  while ((await controlPlane.request('GET', path)).status !== 200) await sleep(settleMs);
  for (const name of ['one', 'two']) {
    const metadata = { name, labels: { zone: 'a', app: 'b' } };
    const body = { apiVersion: `${crdGroup}/v1`, kind: 'Widget', metadata, spec: { size: name } };
    const one = `/apis/${crdGroup}/v1/namespaces/a/widgets`;
    const answer = await controlPlane.request('POST', one, { body });
    if (answer.status !== 201) throw new Error(answer.body.toString());
  }
  for (const form of ['json', 'json-metadata', 'pb-metadata'] as const) {
    const accept = accepts[form].replace('PartialObjectMetadata', 'PartialObjectMetadataList');
    const answer = await controlPlane.request('GET', path, { headers: { accept } });
    const type = answer.headers['content-type'] ?? '';
    keep('widgets/list', path, form, answer.status, type, answer.body);
    const end = await open('widgets/watch', `${path}?${initialEvents}&timeoutSeconds=60`, form);
    await end();
  }
}

/** Changes of configmaps as watches with and without a selector tell them. */
async function recordLive(): Promise<void> {
  const collection = '/api/v1/namespaces/live/configmaps';
  const names = ['left-short', 'left-across'];
  const start = (
    JSON.parse((await controlPlane.request('GET', collection)).body.toString()) as {
      metadata: { resourceVersion: string };
    }
  ).metadata.resourceVersion;
  const query = `watch=1&resourceVersion=${start}&timeoutSeconds=600`;
  const ends = [];
  for (const form of forms) {
    ends.push(await open('live/all', `${collection}?${query}`, form));
    ends.push(await open('live/red', `${collection}?${query}&labelSelector=color%3Dred`, form));
  }
  const write = async (method: string, name: string, color: string): Promise<number> => {
    const metadata = { name, labels: { color, other: 'label' } };
    const path = method === 'POST' ? collection : `${collection}/${name}`;
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { color } };
    const answer = await controlPlane.request(method, path, method === 'DELETE' ? {} : { body });
    if (answer.status > 299) throw new Error(answer.body.toString());
    const object = JSON.parse(answer.body.toString()) as { metadata: { resourceVersion?: string } };
    return Number(object.metadata.resourceVersion ?? 0);
  };
  for (const name of names) await write('POST', name, 'red');
  await write('PUT', names[0], 'blue');
  await write('PUT', names[0], 'red');
  // Elsewhere, so that the watches do not see it.
  let revision = 0;
  for (let n = 0; revision < roundRevision; n++) {
    const path = '/api/v1/namespaces/a/configmaps/n';
    const body = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'n' },
      data: { n: `${n}` },
    };
    const answer = await controlPlane.request('PUT', path, { body });
    const object = JSON.parse(answer.body.toString()) as { metadata: { resourceVersion: string } };
    revision = Number(object.metadata.resourceVersion);
  }
  await write('PUT', names[1], 'blue');
  await write('DELETE', names[0], '');
  for (const end of ends) await end();
}

async function recordErrors(): Promise<void> {
  const pods = '/api/v1/namespaces/a/pods';
  for (const form of ['pb', 'json'] as const) {
    await record('error/not-found', `${pods}/missing`, form);
    await record('error/unauthorized', pods, form, 'no-such-token');
    await record('error/forbidden', '/api/v1/secrets', form, controlPlane.tokens.alice);
    await record('error/too-large', `${pods}?resourceVersion=99999999`, form);
    await record('error/invalid', `${pods}?watch=1&limit=x`, form);
  }
  // A restarted apiserver holds no window before its start.
  await controlPlane.restartApiserver();
  for (const form of forms) {
    const end = await open(
      'error/expired-watch',
      '/api/v1/configmaps?watch=1&resourceVersion=1',
      form,
    );
    await end();
  }
}
