// Answers without managedFields out of lanes of whole objects and of metadata, against those kube-apiserver would give,
// byte for byte. v1.36 ignores `drop=`, so its whole answers are taken apart, left without them and encoded again; and
// where objects have none, because they were cleared upstream, its answers are compared as they are.

import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { framesOf, isBookmark } from './support/compare.ts';
import { buildTimeoutMs, describeWithControlPlane } from './support/go.ts';
import { storeRevision } from './support/history.ts';
import type { BodyKind } from './support/left-out.ts';
import { withoutManagedFields } from './support/left-out.ts';
import { oddKinds, writeOddPast, writeOddSeed } from './support/odd-metadata.ts';
import type { OddName } from './support/odd-metadata.ts';
import { query } from './support/resources.ts';
import { quietFlags, startBareStack } from './support/stack.ts';
import type { Stack } from './support/stack.ts';
import type { RecordedResponse } from '../support/recorded-response.ts';

vi.setConfig({ maxConcurrency: 16, testTimeout: 120_000 });

const names = ['configmaps', 'pods', 'deployments', 'widgets'] as const satisfies OddName[];
const drop = 'drop=metadata.managedFields';

const forms = [
  { name: 'json', type: 'application/json', metadata: false },
  { name: 'protobuf', type: 'application/vnd.kubernetes.protobuf', metadata: false },
  { name: 'json metadata', type: 'application/json', metadata: true },
  { name: 'protobuf metadata', type: 'application/vnd.kubernetes.protobuf', metadata: true },
] as const;
type Form = (typeof forms)[number];

/** How often a question is asked until memory answers: the proof for it is waited for only shortly. */
const attempts = 50;
/** How often answers are compared: on a loaded machine a short watch upstream may end before all was sent. */
const comparisons = 3;

function kindOf(path: string): BodyKind {
  if (path.includes('watch=')) return 'watch';
  return /\/odd[^/]*$/.test(path.split('?')[0]) ? 'object' : 'list';
}

function acceptOf({ type, metadata }: Form, path: string, more = ''): string {
  const list = kindOf(path) === 'list' ? 'List' : '';
  const as = metadata ? `;as=PartialObjectMetadata${list};g=meta.k8s.io;v=v1` : '';
  return `${type}${as}${more}, application/json${as}${more};q=0.9`;
}

interface Question {
  readonly name: string;
  readonly path: (collection: string, home: string, start: number) => string;
}

function watch(name: string, options: Readonly<Record<string, string | number>>): Question {
  return {
    name,
    path: (collection, _home, start) =>
      collection + query({ watch: 1, timeoutSeconds: 3, resourceVersion: start, ...options }),
  };
}

/** The same object under another revision as long: in place of the field in either encoding, as digits occur in a uid as well. */
function withRevision(text: string, from: string, to: string): string {
  const protobuf = `2${String.fromCodePoint(from.length)}`; // Field 6 of ObjectMeta.
  return text
    .replace(`"resourceVersion":"${from}"`, () => `"resourceVersion":"${to}"`)
    .replace(protobuf + from, () => protobuf + to);
}

const streaming = {
  sendInitialEvents: 'true',
  resourceVersionMatch: 'NotOlderThan',
  allowWatchBookmarks: 'true',
  resourceVersion: '',
};

const questions: readonly Question[] = [
  { name: 'a list', path: (collection) => collection },
  { name: 'a list of any age', path: (collection) => `${collection}?resourceVersion=0` },
  { name: 'a page', path: (collection) => `${collection}?limit=2` },
  { name: 'a selection', path: (_, home) => `${home}?labelSelector=color%3Dred` },
  { name: 'nothing', path: (_, home) => `${home}?labelSelector=color%3Dno` },
  ...['odd', 'odd-bare', 'odd-held'].map((name) => ({
    name: `the object ${name}`,
    path: (_: string, home: string) => `${home}/${name}?resourceVersion=0`,
  })),
  watch('what happened', {}),
  // Objects that leave are shown as they were, under the revision that made them leave.
  watch('transitions', { labelSelector: 'color=red' }),
  watch('transitions the other way', { labelSelector: 'color!=red' }),
  watch('a streaming list', streaming),
];

describeWithControlPlane('Without managedFields', () => {
  let stack: Stack;
  let start = 0;

  beforeAll(async () => {
    stack = await startBareStack({ controlPlane: { apiserverFlags: quietFlags } });
    for (const name of names) await writeOddSeed(stack.controlPlane, oddKinds[name]);
    await stack.startProxy({ settings: { features: { managedFieldsOptOut: true } } });
    await readAll();
    start = await storeRevision(stack);
    for (const name of names) await writeOddPast(stack.controlPlane, oddKinds[name]);
    await readAll();
    for (const name of names) await stack.direct({ path: oddKinds[name].collection });
  }, buildTimeoutMs);

  afterAll(async () => {
    await stack?.stop();
  });

  /** Opens the lanes, by nothing but requests that leave managedFields out, and brings them to where the store is. */
  async function readAll(): Promise<void> {
    const resourceVersion = await storeRevision(stack);
    for (const name of names) {
      const path = oddKinds[name].collection + query({ resourceVersion });
      for (const form of forms) await ask(path, acceptOf(form, path, `;${drop}`));
    }
  }

  /** Asks the proxy until memory answers. */
  async function ask(path: string, accept: string, from = 'cache'): Promise<RecordedResponse> {
    for (let attempt = 1; ; attempt++) {
      const auditId = randomUUID();
      const answer = await stack.proxied({ path, headers: { accept, 'audit-id': auditId } });
      expect(answer.status, answer.text).toBe(200);
      const { source } = await stack.watershed.logged(auditId);
      if (source === from) return answer;
      expect(attempt, `${path} ${accept}: ${source}`).toBeLessThan(attempts);
    }
  }

  /** Asks both, in latin1; tells how many bytes were left out. */
  async function compare(path: string, form: Form, left = comparisons): Promise<number> {
    const [direct, proxied] = await Promise.all([
      stack.direct({ path, headers: { accept: acceptOf(form, path) } }),
      ask(path, acceptOf(form, path, `;${drop}`)),
    ]);
    expect(direct.status, direct.text).toBe(200);
    const type = direct.header('content-type');
    expect(proxied.header('content-type')).toBe(type);
    const isProtobuf = type?.includes('protobuf') === true;
    const kind = kindOf(path);
    const whole = kind === 'watch' ? Buffer.from(frames(direct), 'latin1') : direct.body;
    const expected = withoutManagedFields(whole, kind, isProtobuf);
    const actual = kind === 'watch' ? frames(proxied) : proxied.body.toString('latin1');
    if (actual !== expected.toString('latin1') && left > 1) return compare(path, form, left - 1);
    expect(actual, path).toBe(expected.toString('latin1'));
    return whole.length - expected.length;
  }

  /** Events, and the bookmark behind the initial ones; others come when upstream's clock falls. */
  function frames(response: RecordedResponse): string {
    return framesOf(response)
      .filter((frame) => !isBookmark(frame) || frame.includes('initial-events-end'))
      .join('');
  }

  for (const form of forms) {
    for (const name of names) {
      describe.concurrent(`${name} in ${form.name}`, () => {
        for (const question of questions) {
          test(`${question.name} is what upstream would send`, async () => {
            const { collection, home } = oddKinds[name];
            const saved = await compare(question.path(collection, home, start), form);
            if (question.name === 'nothing') expect(saved).toBe(0);
            else expect(saved).toBeGreaterThan(0);
          });
        }
      });
    }
  }

  test('no lane is opened for it', async () => {
    const { lanes } = await stack.watershed.status();
    const found = lanes.map(({ resource, form }) => `${resource} ${form}`).sort();
    const whole = names.flatMap((name) => (name === 'widgets' ? ['json'] : ['json', 'protobuf']));
    expect(found.filter((lane) => !lane.endsWith('metadata'))).toHaveLength(whole.length);
    expect(found.filter((lane) => /^(configmaps|pods) .*metadata$/.test(lane))).toEqual([]);
  });

  test('what else is to be dropped is left to upstream', async () => {
    const path = `${oddKinds.configmaps.home}/odd?resourceVersion=0`;
    for (const value of ['spec', 'spec+metadata.managedFields', '']) {
      const accept = `application/json;drop=${value}`;
      const answer = await ask(path, accept, 'passthrough');
      expect(answer.body).toEqual((await stack.direct({ path, headers: { accept } })).body);
    }
  });

  // Last, because it writes.
  test.each(names)(
    '%s whose managedFields upstream has cleared are equal as they are',
    async (name) => {
      const path = `${oddKinds[name].home}/odd-bare`;
      const shown = forms.filter(({ name: form }) => name !== 'widgets' || form !== 'protobuf');
      const before = await Promise.all(
        shown.map((form) => ask(`${path}?resourceVersion=0`, acceptOf(form, path, `;${drop}`))),
      );
      const body = [{ op: 'replace', path: '/metadata/managedFields', value: [{}] }];
      const type = { 'content-type': 'application/json-patch+json' };
      const patched = await stack.controlPlane.request('PATCH', path, { body, headers: type });
      expect(patched.status, patched.body.toString()).toBe(200);
      const { metadata } = JSON.parse(patched.body.toString()) as {
        readonly metadata: { readonly resourceVersion: string; readonly managedFields?: unknown };
      };
      expect(metadata.managedFields).toBeUndefined();
      for (const [i, form] of shown.entries()) {
        const direct = await stack.direct({ path, headers: { accept: acceptOf(form, path) } });
        const newest = `${path}?resourceVersion=${metadata.resourceVersion}`;
        const now = await ask(newest, acceptOf(form, path, `;${drop}`));
        expect(now.body).toEqual(direct.body);
        // Nothing but the revision has changed, so upstream's bytes are those it would have left.
        const then = before[i].body.toString('latin1');
        const revision = /resourceVersion":"(\d+)"/.exec(before[0].text)?.[1] ?? '';
        expect(revision).toHaveLength(metadata.resourceVersion.length);
        expect(withRevision(then, revision, metadata.resourceVersion)).toBe(
          direct.body.toString('latin1'),
        );
      }
    },
  );
});
