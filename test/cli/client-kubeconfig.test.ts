import { describe, expect, test } from 'vitest';
import { clientKubeconfig } from '../../src/cli/client-kubeconfig.ts';
import type { ClientTarget } from '../../src/cli/client-kubeconfig.ts';

const target: ClientTarget = {
  directory: '/home/ops/.kube',
  context: undefined,
  token: undefined,
  server: 'https://127.0.0.1:8443',
  authority: '/tmp/proxy.crt',
};

function source(user: object, context: object = {}): string {
  return JSON.stringify({
    'current-context': 'here',
    contexts: [
      { name: 'here', context: { cluster: 'c', user: 'u', ...context } },
      { name: 'elsewhere', context: { cluster: 'c', user: 'missing' } },
    ],
    users: [{ name: 'u', user }],
    clusters: [{ name: 'c', cluster: { server: 'https://apiserver:6443' } }],
  });
}

/** The user and context of what was written. */
function written(text: string, over: Partial<ClientTarget> = {}) {
  const result = clientKubeconfig(text, { ...target, ...over });
  if (result.kind !== 'written') throw new Error(result.reason);
  const config = JSON.parse(result.text);
  return { user: config.users[0].user, context: config.contexts[0].context, config };
}

function refused(text: string, over: Partial<ClientTarget> = {}): string {
  const result = clientKubeconfig(text, { ...target, ...over });
  if (result.kind !== 'refused') throw new Error('Expected a refusal');
  return result.reason;
}

describe('a kubeconfig for clients of the proxy', () => {
  test('leads to the proxy and its authority', () => {
    expect(written(source({ token: 't' })).config.clusters[0].cluster).toEqual({
      server: 'https://127.0.0.1:8443',
      'certificate-authority': '/tmp/proxy.crt',
    });
  });

  test.each([
    ['a token', { token: 't' }, { token: 't' }],
    ['a token file', { tokenFile: 'tok' }, { tokenFile: '/home/ops/.kube/tok' }],
    ['an absolute token file', { tokenFile: '/a/tok' }, { tokenFile: '/a/tok' }],
    ['both, where the file wins', { token: 't', tokenFile: '/a/tok' }, { tokenFile: '/a/tok' }],
    ['an exec plugin', { exec: { command: 'x' } }, { exec: { command: 'x' } }],
    ['a token beside a certificate', { token: 't', 'client-key': 'k' }, { token: 't' }],
  ])('keeps %s', (_name, user, expected) => {
    expect(written(source(user)).user).toEqual(expected);
  });

  test('keeps the namespace of the context', () => {
    expect(written(source({ token: 't' }, { namespace: 'team' })).context.namespace).toBe('team');
    expect(written(source({ token: 't' })).context).not.toHaveProperty('namespace');
  });

  test('takes a given token instead of the user', () => {
    expect(written(source({ 'client-key': 'k' }), { token: 'given' }).user).toEqual({
      token: 'given',
    });
  });

  test('is refused for a client certificate, with a way out', () => {
    const reason = refused(source({ 'client-certificate-data': 'x', 'client-key-data': 'x' }));
    expect(reason).toContain('neither a token nor an exec plugin');
    expect(reason).toContain('kubectl create token');
  });

  test.each([
    ['a missing context', source({ token: 't' }), 'no context "nowhere"'],
    ['an empty file', '{}', 'no context "nowhere"'],
    ['not YAML', '{', 'not YAML'],
  ])('is refused for %s', (_name, text, reason) => {
    expect(refused(text, { context: 'nowhere' })).toContain(reason);
  });

  test('is refused for a context whose user is not there', () => {
    expect(refused(source({ token: 't' }), { context: 'elsewhere' })).toContain('the user missing');
  });
});
