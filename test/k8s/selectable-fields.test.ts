import { describe, expect, test } from 'vitest';
import { parseFieldSelector, type FieldSelector } from '../../src/k8s/field-selector.ts';
import type { Resource } from '../../src/k8s/resource.ts';
import {
  acceptsMetadataNamespace,
  aliasField,
  selectableFields,
  supportsFields,
} from '../../src/k8s/selectable-fields.ts';

function resource(id: string, namespaced = true): Resource {
  const parts = id.split('/');
  const plural = parts.pop() as string;
  const version = parts.pop() as string;
  return { group: parts.pop() ?? '', version, plural, kind: 'Kind', namespaced };
}

function supports(target: Resource, text: string, custom?: readonly string[]): boolean {
  const selector = parseFieldSelector(text) as FieldSelector;
  const fields = selectableFields(target, custom);
  return supportsFields(selector, target, fields, custom !== undefined);
}

const pods = resource('v1/pods');

describe('selectable fields', () => {
  test('a field is found by its path, and has a value when it is missing', () => {
    const fields = selectableFields(pods);
    expect(fields.find(({ name }) => name === 'spec.nodeName')).toEqual({
      name: 'spec.nodeName',
      path: ['spec', 'nodeName'],
      missing: '',
      indexed: true,
    });
    expect(fields.find(({ name }) => name === 'spec.hostNetwork')?.missing).toBe('false');
    const [successful] = selectableFields(resource('batch/v1/jobs'));
    expect(successful).toMatchObject({ path: ['status', 'succeeded'], missing: '0' });
  });

  test.each([
    ['v1/pods', 'spec.nodeName=a,status.phase!=Running,metadata.name=x,metadata.namespace=y'],
    ['v1/pods', 'spec.host=a'],
    ['v1/pods', ''],
    ['v1/services', 'spec.type=LoadBalancer'],
    ['apps/v1/deployments', 'metadata.name=a'],
    ['certificates.k8s.io/v1beta1/podcertificaterequests', 'spec.nodeName=a'],
  ])('%s are selected by %j', (id, text) => {
    expect(supports(resource(id), text)).toBe(true);
  });

  test.each([
    ['v1/pods', 'status.podIPs='],
    ['v1/pods', 'spec.unknown=a'],
    ['v1/pods', '=a'],
    ['apps/v1/replicasets', 'status.replicas=1'],
    ['v1/configmaps', 'spec.host=a'],
    ['v1/events', 'involvedObject.name=a'],
    ['certificates.k8s.io/v1beta1/podcertificaterequests', 'metadata.namespace=a'],
  ])('%s selected by %j are left to upstream', (id, text) => {
    expect(supports(resource(id), text)).toBe(false);
  });

  test('no cluster-scoped kind is selected by namespace here', () => {
    for (const id of ['v1/nodes', 'v1/namespaces', 'v1/persistentvolumes']) {
      expect(acceptsMetadataNamespace(resource(id, false), false)).toBe(false);
      expect(supports(resource(id, false), 'metadata.namespace=')).toBe(false);
    }
    expect(acceptsMetadataNamespace(resource('g/v1/things', false), true)).toBe(false);
    expect(acceptsMetadataNamespace(resource('g/v1/things'), true)).toBe(true);
  });

  test('a custom resource is selected by its simple jsonPaths only', () => {
    const paths = [
      '.spec.color',
      ".spec['a.b']",
      '.spec.list[0]',
      '.metadata.labels',
      'spec.x',
      '.a-b',
    ];
    const things = resource('g/v1/things');
    expect(selectableFields(things, paths).map(({ name }) => name)).toEqual(['spec.color', 'a-b']);
    expect(supports(things, 'spec.color=blue', paths)).toBe(true);
    expect(supports(things, "spec['a.b']=x", paths)).toBe(false);
    expect(supports(things, 'spec.color=blue', [])).toBe(false);
  });

  test('a custom resource that is called like a built-in gets none of its fields', () => {
    expect(selectableFields(pods, [])).toEqual([]);
  });

  test('spec.host is another name of spec.nodeName, on pods only', () => {
    expect(aliasField(pods, 'spec.host')).toBe('spec.nodeName');
    expect(aliasField(pods, 'status.phase')).toBe('status.phase');
    expect(aliasField(resource('g/v1/pods'), 'spec.host')).toBe('spec.host');
  });
});
