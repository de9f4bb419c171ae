// Whether somebody with a certificate may act as somebody else was asked in wider or other words than what was then
// done: without the name, with an extra's key in capitals, about a service account that upstream takes for a user.

import { Readable } from 'node:stream';
import { beforeEach, expect, test } from 'vitest';
import { Authorizer } from '../../src/auth/authorize.ts';
import { callerOf } from '../../src/auth/authenticate.ts';
import type { Caller } from '../../src/auth/authenticate.ts';
import { Callers } from '../../src/auth/callers.ts';
import { NamedCredential } from '../../src/auth/named.ts';
import type { Peer } from '../../src/auth/certificate.ts';
import type { Reviewer } from '../../src/auth/review.ts';

type Asked = Readonly<Record<string, unknown>>;

const gateway: Peer = {
  kind: 'certificate',
  credential: new NamedCredential(
    { user: 'gateway', uid: '', groups: ['system:authenticated'], extra: {} },
    Infinity,
  ),
};

let allows: (attributes: Asked) => boolean;
let asked: Asked[];

/** Answers SubjectAccessReviews as upstream does. */
const reviewer: Reviewer = {
  open(_path, request) {
    const body = JSON.parse(String(request.body)) as { spec: { resourceAttributes: Asked } };
    const { resourceAttributes } = body.spec;
    asked.push(resourceAttributes);
    const status = { allowed: allows(resourceAttributes) };
    const text = JSON.stringify({ ...body, kind: 'SubjectAccessReview', status });
    return Promise.resolve({ status: 201, body: Readable.from([Buffer.from(text)]) });
  },
};

function callers(reviewsPerSecond = 20): Callers {
  const forwarder = { forward: () => Promise.reject(new Error('nobody has a token')) };
  return new Callers(new Authorizer({ forwarder, reviewer }, { reviewsPerSecond }));
}

beforeEach(() => {
  asked = [];
  allows = () => true;
});

test('One who may impersonate everybody but one does not become that one', async () => {
  allows = ({ name }) => name !== 'root';
  const judged = callers();
  const of = (user: string): Caller | Promise<Caller> =>
    judged.of(['Impersonate-User', user], gateway);
  expect(await of('alice')).toMatchObject({ kind: 'impersonated' });
  expect(await of('root')).toMatchObject({ kind: 'refused', status: { code: 403 } });
  expect(asked.map(({ name }) => name)).toEqual(['alice', 'root']);
});

test.each([
  ['%41', 'A', 'Impersonate-Extra-%41'],
  ['%28x%29', '(x)', 'Impersonate-Extra-%28x%29'],
  ['acme.com%2fteam', 'acme.com/team', 'Impersonate-Extra-acme.com%2Fteam'],
  ['%c3%a9', 'é', 'Impersonate-Extra-%C3%A9'],
])('An extra %s is asked about and sent as %s', async (written, key, sent) => {
  const headers = ['Impersonate-User', 'alice', `Impersonate-Extra-${written}`, 'x'];
  const caller = await callers().of(headers, gateway);
  if (caller.kind !== 'impersonated') throw new Error(caller.kind);
  expect(asked.map(({ subresource }) => subresource)).toEqual([undefined, key]);
  expect(caller.named.impersonation()).toContain(sent);
});

test.each([
  ['system:serviceaccount:a:b', 'serviceaccounts'],
  ['system:serviceaccount:a:b.c-d', 'serviceaccounts'],
  ['system:serviceaccount:A:b', 'users'],
  ['system:serviceaccount:a:b_c', 'users'],
  ['system:serviceaccount:a.b:c', 'users'],
  ['system:serviceaccount:a:b..c', 'users'],
  [`system:serviceaccount:a:${'b'.repeat(254)}`, 'users'],
])('To become %s takes the right to impersonate %s', (user, resource) => {
  const caller = callerOf(['Impersonate-User', user], gateway, 0);
  expect(caller).toMatchObject({ questions: [{ resource }] });
});

test('One who asks too often is told to come again, not that it may not', async () => {
  const judged = callers(1);
  const answers = await Promise.all(
    Array.from({ length: 11 }, (_, at) => judged.of(['Impersonate-User', `u${at}`], gateway)),
  );
  expect(answers.at(0)).toMatchObject({ kind: 'impersonated' });
  expect(answers.at(-1)).toMatchObject({
    kind: 'refused',
    status: { code: 429, retryAfterSeconds: 1 },
  });
});
