import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { representationOf } from '../../src/k8s/media-type.ts';
import { plainJson } from './plain-json.ts';

const GO = 'kubelet/v1.36.3 (linux/amd64)';
const table =
  'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json';

// Every `json` is compared with upstream's negotiation in upstream-vectors.test.ts.
describe('media type', () => {
  test.each([
    [undefined],
    [''],
    ['application/json'],
    ['application/json, */*'],
    ['application/json, */*;q=0.8'],
    ['*/*'],
    ['application/json;charset=utf-8'],
    ['text/html, application/json;q=0.1'],
    ['application/yaml;q=0.5,application/json'],
    [' application/json '],
  ])('%j is answered in JSON', (accept) => {
    expect(plainJson(accept, GO)).toBe('json');
    expect(plainJson(accept, undefined, true)).toBe('json');
  });

  test.each([
    ['application/vnd.kubernetes.protobuf'],
    ['application/vnd.kubernetes.protobuf;stream=watch,application/json'],
    ['application/json;q=0.5,application/yaml'],
    ['application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json'],
    [table],
    ['application/json;pretty=1'],
    ['application/json;stream=watch'],
    ['application/json;drop=metadata.managedFields'],
    ['application/json; drop=metadata.managedFields,*/*; drop=metadata.managedFields'],
    ['application/vnd.kubernetes.protobuf;drop=metadata.managedFields,application/json'],
    ['application/yaml'],
    ['application/cbor,application/json'],
    ['text/html'],
    ['json'],
    ['Application/JSON'],
    ['application/json;q=x'],
    [Array.from({ length: 13 }, () => 'application/json').join(',')],
  ])('%.60s is left to upstream', (accept) => {
    expect(plainJson(accept, GO)).toBe('other');
    expect(plainJson(accept, GO, true)).toBe('other');
  });

  test('protobuf before JSON is JSON for a custom resource, which has no protobuf form', () => {
    const accept = 'application/vnd.kubernetes.protobuf,application/json';
    expect(plainJson(accept, GO)).toBe('other');
    expect(plainJson(accept, GO, true)).toBe('json');
  });

  test('a wildcard subtype passes for a custom resource only', () => {
    expect(plainJson('application/*', GO)).toBe('other');
    expect(plainJson('application/*', GO, true)).toBe('json');
  });

  test.each(['curl/8.5.0', 'Wget/1.21', 'Mozilla/5.0 (X11)'])(
    '%s would get pretty JSON',
    (agent) => {
      expect(plainJson('application/json', agent)).toBe('other');
      expect(plainJson(undefined, agent)).toBe('other');
    },
  );

  test.each(['Mozilla/4.0', 'my curl', 'kubectl/v1.36.3', ''])('%j is no person', (agent) => {
    expect(plainJson('application/json', agent)).toBe('json');
  });

  test('no header makes it throw', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.boolean(), (accept, custom) => {
        expect(['json', 'other']).toContain(plainJson(accept, accept, custom));
      }),
    );
  });
});

describe('other forms than plain JSON', () => {
  const protobuf = 'application/vnd.kubernetes.protobuf';
  const partial = 'as=PartialObjectMetadata;g=meta.k8s.io;v=v1';
  const partialList = 'as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';

  test.each([
    [`${protobuf},application/json`, 'list', false, { encoding: 'protobuf', metadata: false }],
    [protobuf, 'watch', false, { encoding: 'protobuf', metadata: false }],
    [`${protobuf},application/json`, 'list', true, { encoding: 'json', metadata: false }],
    [`application/json;${partialList}`, 'list', false, { encoding: 'json', metadata: true }],
    [`application/json;${partial}`, 'watch', true, { encoding: 'json', metadata: true }],
    [`${protobuf};${partial}`, 'get', true, { encoding: 'protobuf', metadata: true }],
    [`application/json;${partial}`, 'list', false, undefined],
    [`application/json;${partialList}`, 'watch', false, undefined],
    [`application/json;${partialList};pretty=1`, 'list', false, undefined],
    ['application/json;as=Table;g=meta.k8s.io;v=v1', 'list', false, undefined],
    [protobuf, 'list', true, undefined],
  ] as const)('%s of a %s, custom %s', (accept, verb, custom, expected) => {
    expect(representationOf({ accept, userAgent: 'kubelet/v1.36.3', custom, verb })).toEqual(
      expected,
    );
  });

  const drop = 'drop=metadata.managedFields';
  const cut = { metadata: false, withoutManagedFields: true };
  const cutMetadata = { metadata: true, withoutManagedFields: true };

  test.each([
    [`application/json;${drop}`, 'list', false, { encoding: 'json', ...cut }],
    [`application/json; ${drop};q=0.9,*/*;q=0.1`, 'get', true, { encoding: 'json', ...cut }],
    [`application/json;${drop};${drop}`, 'get', false, { encoding: 'json', ...cut }],
    [
      `${protobuf};${drop},application/json;${drop}`,
      'watch',
      false,
      { encoding: 'protobuf', ...cut },
    ],
    [`${protobuf};${drop},application/json;${drop}`, 'watch', true, { encoding: 'json', ...cut }],
    [`${protobuf};${drop},application/json`, 'watch', true, { encoding: 'json', metadata: false }],
    // As client-go spells it.
    [
      'application/json; as=PartialObjectMetadata; drop=metadata.managedFields; g=meta.k8s.io; q=0.9; v=v1',
      'get',
      false,
      { encoding: 'json', ...cutMetadata },
    ],
    [`${protobuf};${partialList};${drop}`, 'list', true, { encoding: 'protobuf', ...cutMetadata }],
    // Not known there either, or not certain.
    [`application/json;drop=spec,application/json`, 'list', false, undefined],
    [`application/json;drop=spec+metadata.managedFields`, 'list', false, undefined],
    [`application/json;${drop}+${drop.slice(5)}`, 'list', false, undefined],
    [`application/json;drop=,application/json`, 'list', false, undefined],
    [`application/json;drop = metadata.managedFields`, 'list', false, undefined],
    [
      `application/json;DROP=metadata.managedFields;charset=utf-8;${drop}`,
      'list',
      false,
      undefined,
    ],
    [`application/json;drop=spec;${drop}`, 'list', false, undefined],
    [`application/json;${drop};pretty=1`, 'list', false, undefined],
    [`*/*;${drop}`, 'list', false, undefined],
    [`${protobuf};${drop}`, 'list', true, undefined],
    ['application/json', 'list', false, { encoding: 'json', metadata: false }],
  ] as const)('%s of a %s, custom %s, where managedFields may be dropped', (...asked) => {
    const [accept, verb, custom, expected] = asked;
    const agent = { userAgent: 'kubelet/v1.36.3', managedFieldsOptOut: true };
    expect(representationOf({ accept, custom, verb, ...agent })).toEqual(expected);
  });

  test('a watch is not pretty, whoever asks', () => {
    const asked = { accept: 'application/json', userAgent: 'curl/8.0', custom: false };
    expect(representationOf({ ...asked, verb: 'watch' })).toEqual({
      encoding: 'json',
      metadata: false,
    });
    expect(representationOf({ ...asked, verb: 'list' })).toBeUndefined();
  });
});
