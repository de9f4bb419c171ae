// The real kube-controller-manager and kube-scheduler with nothing but the proxy to talk to: what they
// are for gets done (scaling, garbage collection, jobs, quota, the end of a namespace), their informers
// complain of nothing, and nearly all they list and watch is answered from memory.

import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { crdGroup } from './control-plane/fixture-objects.ts';
import { complaints, informerErrors, startControllers } from './support/controllers.ts';
import type { Controllers } from './support/controllers.ts';
import { buildTimeoutMs, describeWithControlPlane } from './support/go.ts';
import { FakeKubelets } from './support/kubelet.ts';
import { countOf, isListOrWatch, readsOf, shareOf, tableOf } from './support/read-share.ts';
import type { ReadRow } from './support/read-share.ts';
import { startStack } from './support/stack.ts';
import type { Stack } from './support/stack.ts';

/** Room for a machine with two busy cores; a step takes seconds on a quiet one. */
const stepTimeoutMs = 150_000;
const pollMs = 300;
/** `REPLICAS=200` is the long form. */
const replicas = Number(process.env['REPLICAS'] ?? 60);
const fewReplicas = 5;
const completions = 3;
const least = 0.99;
/** Never served from memory (docs/semantics.md), so not in the share. */
const excluded = new Set([
  'v1/events',
  'events.k8s.io/v1/events',
  'certificates.k8s.io/v1/certificatesigningrequests',
  'v1/componentstatuses',
]);
const apps = '/apis/apps/v1/namespaces/work';
const core = '/api/v1/namespaces/work';

interface Answer {
  readonly code: number;
  readonly metadata?: { readonly finalizers?: readonly string[] };
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly status?: Readonly<Record<string, unknown>>;
  readonly items?: readonly Answer[];
}

describeWithControlPlane('Controllers through the proxy', () => {
  let stack: Stack;
  let kubelets: FakeKubelets;
  let controllers: Controllers;

  beforeAll(async () => {
    stack = await startStack({ proxy: { settings: { resources: { secrets: true } } } });
    kubelets = await FakeKubelets.start(stack.controlPlane, ['fake-0', 'fake-1', 'fake-2']);
    controllers = await startControllers(stack);
    await create('/api/v1/namespaces', namespace('work'));
    await create('/api/v1/namespaces', namespace('brief'));
  }, buildTimeoutMs);

  afterAll(async () => {
    await kubelets?.stop();
    await stack?.stop();
  });

  async function ask(method: string, path: string, body?: unknown): Promise<Answer> {
    const headers = method === 'PATCH' ? { 'content-type': 'application/merge-patch+json' } : {};
    const response = await stack.controlPlane.request(method, path, { body, headers });
    const text = response.body.toString();
    // Some refusals are plain text.
    const content = text.startsWith('{') ? (JSON.parse(text) as object) : { text };
    return { ...content, code: response.status };
  }

  async function create(collection: string, object: object): Promise<void> {
    const answer = await ask('POST', collection, object);
    expect(answer, `POST ${collection}`).toMatchObject({ code: 201 });
  }

  /** Asks kube-apiserver itself until the answer is as wanted. */
  async function see(path: string, isWanted: (answer: Answer) => boolean): Promise<Answer> {
    const deadlineMs = Date.now() + stepTimeoutMs;
    for (;;) {
      const answer = await ask('GET', path);
      if (isWanted(answer)) return answer;
      if (Date.now() > deadlineMs) throw new Error(await whyNot(path, answer));
      await sleep(pollMs);
    }
  }

  async function whyNot(path: string, answer: Answer): Promise<string> {
    const logs = [controllers.controllerManager, controllers.scheduler].flatMap((program) =>
      complaints(program).slice(-15),
    );
    const failures = kubelets.failures.slice(0, 5);
    const last = JSON.stringify(answer).slice(0, 2_000);
    return [`${path} was not as wanted; the last answer:`, last, ...failures, ...logs].join('\n');
  }

  test(
    'a deployment scales up, down, and is collected when deleted',
    async () => {
      await create(`${apps}/deployments`, deployment('web', replicas));
      await see(
        `${apps}/deployments/web`,
        ({ status }) => status?.['availableReplicas'] === replicas,
      );
      const pods = await see(
        `${core}/pods?labelSelector=app%3Dweb`,
        ({ items }) => items?.length === replicas,
      );
      expect(pods.items?.every(({ spec }) => /^fake-\d$/.test(String(spec?.['nodeName'])))).toBe(
        true,
      );

      await ask('PATCH', `${apps}/deployments/web`, { spec: { replicas: fewReplicas } });
      await see(
        `${core}/pods?labelSelector=app%3Dweb`,
        ({ items }) => items?.length === fewReplicas,
      );
      await see(`${apps}/deployments/web`, ({ status }) => status?.['replicas'] === fewReplicas);

      expect((await ask('DELETE', `${apps}/deployments/web`)).code).toBe(200);
      await see(`${apps}/replicasets?labelSelector=app%3Dweb`, isEmpty);
      await see(`${core}/pods?labelSelector=app%3Dweb`, isEmpty);
    },
    4 * stepTimeoutMs,
  );

  test(
    'a job completes',
    async () => {
      await create('/apis/batch/v1/namespaces/work/jobs', job('sums'));
      const path = '/apis/batch/v1/namespaces/work/jobs/sums';
      await see(path, ({ status }) => isComplete(status) && status?.['succeeded'] === completions);
      await ask('DELETE', `${path}?propagationPolicy=Foreground`);
      await see(path, ({ code }) => code === 404);
      await see(`${core}/pods?labelSelector=job-name%3Dsums`, isEmpty);
    },
    3 * stepTimeoutMs,
  );

  test(
    'a quota counts what its namespace holds, and is enforced',
    async () => {
      const hard = { 'count/configmaps': '3', pods: '4' };
      await create(`${core}/resourcequotas`, {
        apiVersion: 'v1',
        kind: 'ResourceQuota',
        metadata: { name: 'few' },
        spec: { hard },
      });
      const path = `${core}/resourcequotas/few`;
      // The namespace's own kube-root-ca.crt is one of the config maps.
      await see(path, ({ status }) => usedOf(status, 'count/configmaps') === '1');
      await create(`${apps}/deployments`, deployment('limited', 6));
      const { status } = await see(path, (quota) => usedOf(quota.status, 'pods') === '4');
      expect(status?.['hard']).toEqual(hard);
      await see(
        `${apps}/deployments/limited`,
        (found) => found.status?.['availableReplicas'] === 4,
      );
      // Lifting the limit lets the rest come: the quota controller and the replica sets see the change.
      await ask('PATCH', path, { spec: { hard: { pods: '10' } } });
      await see(
        `${apps}/deployments/limited`,
        (found) => found.status?.['availableReplicas'] === 6,
      );
    },
    4 * stepTimeoutMs,
  );

  test(
    'a namespace is deleted with everything in it',
    async () => {
      await create('/apis/apps/v1/namespaces/brief/deployments', deployment('web', 3));
      await create(`/apis/${crdGroup}/v1/namespaces/brief/widgets`, {
        apiVersion: `${crdGroup}/v1`,
        kind: 'Widget',
        metadata: { name: 'widget' },
        spec: { color: 'red' },
      });
      for (const [kind, plural] of [
        ['ConfigMap', 'configmaps'],
        ['Secret', 'secrets'],
      ]) {
        const object = { apiVersion: 'v1', kind, metadata: { name: 'held' } };
        await create(`/api/v1/namespaces/brief/${plural}`, object);
      }
      await see(
        '/apis/apps/v1/namespaces/brief/deployments/web',
        ({ status }) => status?.['availableReplicas'] === 3,
      );
      await ask('DELETE', '/api/v1/namespaces/brief');
      await see('/api/v1/namespaces/brief', ({ code }) => code === 404);
      for (const path of [
        '/api/v1/namespaces/brief/pods',
        '/apis/apps/v1/namespaces/brief/replicasets',
        `/apis/${crdGroup}/v1/namespaces/brief/widgets`,
      ]) {
        expect((await ask('GET', path)).items, path).toEqual([]);
      }
    },
    3 * stepTimeoutMs,
  );

  test('the informers of both programs complain of nothing', () => {
    const { controllerManager, scheduler } = controllers;
    for (const program of [controllerManager, scheduler]) {
      console.log(`${program.name}, warnings and errors:\n${complaints(program).join('\n')}`);
      expect(program.running).toBe(true);
      expect(informerErrors(program)).toEqual([]);
    }
    expect(kubelets.failures).toEqual([]);
  });

  /** Until every watch is over and in the log. */
  async function allCounted(): Promise<void> {
    const deadlineMs = Date.now() + stepTimeoutMs;
    for (;;) {
      const { watches, requests } = await stack.watershed.status();
      const counted = countOf(requests.rows.filter(isListOrWatch));
      const logged = countOf(readsOf(stack.watershed).filter(isListOrWatch));
      if (watches.open === 0 && logged === counted) return;
      if (Date.now() > deadlineMs) throw new Error(`${counted} counted, ${logged} in the log`);
      await sleep(pollMs);
    }
  }

  test(
    'nearly every list and watch is answered from memory',
    async () => {
      // Watches are counted when they are over.
      await Promise.all([controllers.controllerManager.stop(), controllers.scheduler.stop()]);
      const { watershed } = stack;
      await allCounted();
      const all = readsOf(watershed);
      const reads = all.filter(isListOrWatch);
      const eligible = reads.filter(({ resource }) => !excluded.has(resource));
      const gets = all.filter(({ verb }) => verb === 'get');
      console.log(`Reads by resource:\n${tableOf(all)}`);
      console.log(
        `From memory: ${shareText(eligible)} of LIST and WATCH, ${shareText(gets)} of GET`,
      );
      console.log(`Lists and watches excluded by design: ${countOf(reads) - countOf(eligible)}`);
      // The two have 77 informers between them; lists of the namespace controller come on top.
      expect(countOf(eligible)).toBeGreaterThan(80);
      expect(shareOf(eligible)).toBeGreaterThan(least);
    },
    2 * stepTimeoutMs,
  );
});

function shareText(rows: readonly ReadRow[]): string {
  return `${(100 * shareOf(rows)).toFixed(2)} % of ${countOf(rows)}`;
}

function namespace(name: string): object {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
}

const containers = [{ name: 'main', image: 'none' }];

function deployment(name: string, count: number): object {
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas: count,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers } },
    },
  };
}

function job(name: string): object {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name },
    spec: {
      completions,
      parallelism: 2,
      template: { spec: { restartPolicy: 'Never', containers } },
    },
  };
}

function isEmpty({ items }: Answer): boolean {
  return items?.length === 0;
}

function isComplete(status: Answer['status']): boolean {
  const conditions = (status?.['conditions'] ?? []) as readonly { type: string; status: string }[];
  return conditions.some(({ type, status: state }) => type === 'Complete' && state === 'True');
}

function usedOf(status: Answer['status'], name: string): string | undefined {
  return (status?.['used'] as Readonly<Record<string, string>> | undefined)?.[name];
}
