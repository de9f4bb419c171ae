import { describe, expect, test } from 'vitest';
import { quiet, simulate } from './support.ts';

const api = await simulate({
  ...quiet,
  tokens: {
    all: { user: 'admin', groups: ['system:masters'], rules: 'all' },
    none: { user: 'nobody', rules: 'none' },
    some: {
      user: 'alice',
      rules: [
        { verbs: ['get', 'list'], resources: ['pods', 'deployments.apps'], namespaces: ['a'] },
        { verbs: ['watch'], resources: ['nodes'] },
      ],
    },
  },
});
const as = (token: string) => ({ Authorization: `Bearer ${token}` });
const reviews = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';

describe('authentication', () => {
  test.each([
    ['no token', {}],
    ['an unknown token', as('wrong')],
    ['another scheme', { Authorization: 'Basic YTpi' }],
    ['a name every object has', as('constructor')],
  ])('%s is unauthorized', async (_, headers) => {
    const answer = await api.get('/api/v1/pods', headers as Record<string, string>);
    expect(answer.status).toBe(401);
    expect(answer.json.message).toBe('Unauthorized');
  });

  test('health needs no token', async () => {
    expect((await api.get('/readyz')).text).toBe('ok');
  });

  test('a caller is told who they are', async () => {
    const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
    const { json } = await api.send('POST', path, {}, as('some'));
    expect(json.status.userInfo).toMatchObject({ username: 'alice' });
  });

  test('only full rights may impersonate', async () => {
    const impersonate = { 'Impersonate-User': 'alice' };
    expect((await api.get('/api/v1/nodes', { ...as('all'), ...impersonate })).status).toBe(403);
    const path = '/api/v1/namespaces/a/pods';
    expect((await api.get(path, { ...as('all'), ...impersonate })).status).toBe(200);
    expect((await api.get(path, { ...as('none'), ...impersonate })).status).toBe(403);
  });
});

describe('authorization', () => {
  test.each([
    ['/api/v1/namespaces/a/pods', 200],
    ['/apis/apps/v1/namespaces/a/deployments', 200],
    ['/api/v1/namespaces/b/pods', 403],
    ['/api/v1/pods', 403],
    ['/api/v1/namespaces/a/pods?watch=1', 403],
    ['/api/v1/nodes', 403],
    ['/apis', 200],
  ])('alice asking for %s gets %i', async (path, status) => {
    expect((await api.get(path, as('some'))).status).toBe(status);
  });

  test('a refusal says who, what and where', async () => {
    const { json, headers } = await api.get('/api/v1/namespaces/b/pods/x', as('some'));
    expect(json.message).toBe(
      'pods "x" is forbidden: User "alice" cannot get resource "pods" in API group "" in the namespace "b"',
    );
    expect(json.details).toEqual({ name: 'x', kind: 'pods' });
    expect(headers['x-content-type-options']).toBe('nosniff');
  });

  test.each([
    [{ verb: 'list', resource: 'pods', namespace: 'a' }, true],
    [{ verb: 'list', resource: 'pods' }, false],
    [{ verb: 'list', resource: 'deployments', group: 'apps', namespace: 'a' }, true],
    [{ verb: 'watch', resource: 'nodes' }, true],
    [{ verb: 'list', resource: 'nodes' }, false],
  ])('a review of %o answers %s', async (resourceAttributes, allowed) => {
    const { json, status } = await api.send(
      'POST',
      reviews,
      { spec: { resourceAttributes } },
      as('some'),
    );
    expect(status).toBe(201);
    expect(json.status).toEqual({ allowed });
    expect(json.spec).toEqual({ resourceAttributes });
  });

  test('a review sent as protobuf is understood', async () => {
    const field = (number: number, content: string | Buffer): Buffer =>
      Buffer.concat([Buffer.from([(number << 3) | 2, content.length]), Buffer.from(content)]);
    const attributes = Buffer.concat([field(1, 'a'), field(2, 'list'), field(5, 'pods')]);
    const review = Buffer.concat([field(1, ''), field(2, field(1, attributes))]);
    const body = Buffer.concat([Buffer.from('k8s\0'), field(2, review)]).toString('latin1');
    const { json } = await api.send('POST', reviews, body, as('some'));
    expect(json.status).toEqual({ allowed: true });
  });

  test('asking about others needs full rights', async () => {
    const path = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
    const spec = { user: 'alice', resourceAttributes: { verb: 'watch', resource: 'nodes' } };
    expect((await api.send('POST', path, { spec }, as('some'))).status).toBe(403);
    const { json } = await api.send('POST', path, { spec }, as('all'));
    expect(json.status).toEqual({ allowed: true });
  });

  test('faults need full rights', async () => {
    expect((await api.send('POST', '/_faults?cut', undefined, as('some'))).status).toBe(403);
  });
});
