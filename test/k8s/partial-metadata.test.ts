import { expect, test } from 'vitest';
import { hasSameMetadata } from '../../src/k8s/partial-metadata.ts';

test.each([
  ['', 'v1', 'pods', true],
  ['', 'v1', 'secrets', true],
  ['apps', 'v1', 'replicasets', true],
  ['apps', 'v1', 'statefulsets', true],
  ['autoscaling', 'v2', 'horizontalpodautoscalers', true],
  // Conversions by hand that write or take away annotations.
  ['apps', 'v1', 'deployments', false],
  ['apps', 'v1', 'daemonsets', false],
  ['autoscaling', 'v1', 'horizontalpodautoscalers', false],
  ['flowcontrol.apiserver.k8s.io', 'v1beta3', 'prioritylevelconfigurations', false],
  // Versions and groups whose conversions nobody has read.
  ['resource.k8s.io', 'v1beta2', 'resourceslices', false],
  ['networking.k8s.io', 'v1beta1', 'ipaddresses', false],
  ['future.k8s.io', 'v1', 'things', false],
])('whether %s/%s %s shows its metadata whole: %s', (group, version, plural, expected) => {
  expect(hasSameMetadata({ group, version, plural }, false)).toBe(expected);
});

test('a custom resource never does, whatever its group', () => {
  expect(hasSameMetadata({ group: 'apps', version: 'v1', plural: 'things' }, true)).toBe(false);
});
