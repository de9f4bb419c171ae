// What every conformance test finds in the cluster: the rights of the users, two kinds of custom
// resource, and objects whose names lie where orders differ. Promise: when `installFixtures` returns
// the rights are in force and the custom resources are served. It may be called again.

import { setTimeout as sleep } from 'node:timers/promises';
import type { ControlPlane } from './control-plane.ts';
import { crds, objects, rights } from './fixture-objects.ts';
import type { FixtureObject } from './fixture-objects.ts';
import { tokens } from './users.ts';

const timeoutMs = 30_000;
const pollMs = 50;

export async function installFixtures(controlPlane: ControlPlane): Promise<void> {
  for (const fixture of [...rights, ...crds]) await create(controlPlane, fixture);
  await Promise.all(crds.map((fixture) => waitUntilServed(controlPlane, fixture)));
  await waitUntilRightsHold(controlPlane);
  for (const fixture of objects) await create(controlPlane, fixture);
}

async function create(controlPlane: ControlPlane, fixture: FixtureObject): Promise<void> {
  const { status, body } = await controlPlane.request('POST', fixture.collection, {
    body: fixture.object,
  });
  if (status === 201 || status === 409) return;
  const name = fixture.object.metadata.name;
  throw new Error(`POST ${fixture.collection} ${name}: ${status} ${body.toString()}`);
}

interface CrdStatus {
  readonly spec: { readonly group: string; readonly names: { readonly plural: string } };
  readonly status?: { readonly conditions?: readonly { type: string; status: string }[] };
}

/** Established is said a moment before the handler answers, so both are waited for. */
function waitUntilServed(controlPlane: ControlPlane, fixture: FixtureObject): Promise<void> {
  const { name } = fixture.object.metadata;
  return waitFor(`custom resource ${name} to be served`, async () => {
    const crd = await controlPlane.request('GET', `${fixture.collection}/${name}`);
    const { spec, status } = JSON.parse(crd.body.toString()) as CrdStatus;
    const established = status?.conditions?.some(
      (condition) => condition.type === 'Established' && condition.status === 'True',
    );
    if (established !== true) return false;
    const list = await controlPlane.request('GET', `/apis/${spec.group}/v1/${spec.names.plural}`);
    return list.status === 200;
  });
}

/** The authorizer reads roles through its own watch, so a new right holds a little later. */
function waitUntilRightsHold(controlPlane: ControlPlane): Promise<void> {
  const probes: [string, string][] = [
    [tokens.reader, '/api/v1/secrets?limit=1'],
    [tokens.alice, '/api/v1/namespaces/a/pods?limit=1'],
    [tokens.wanda, '/api/v1/pods?watch=1&timeoutSeconds=1&resourceVersion=1'],
  ];
  return waitFor('rights to hold', async () => {
    for (const [token, path] of probes) {
      const message = await controlPlane.open('GET', path, { token });
      message.destroy();
      if (message.statusCode === 403) return false;
    }
    return true;
  });
}

async function waitFor(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  const deadlineMs = Date.now() + timeoutMs;
  while (!(await isTrue())) {
    if (Date.now() > deadlineMs) throw new Error(`waited ${timeoutMs} ms for ${what}`);
    await sleep(pollMs);
  }
}
