import { describe, expect, test } from 'vitest';
import { HEAD, configFile, refused, served } from './support.ts';

/** Refusals of a file, without its path. */
function problems(text: string): readonly string[] {
  const path = configFile(text);
  return refused('serve', '--config', path).map((line) => line.replace(`${path}: `, ''));
}

describe('a configuration file', () => {
  test('may be YAML or JSON', () => {
    const json = JSON.stringify({
      apiVersion: 'watershed.dev/v1alpha1',
      kind: 'ProxyConfiguration',
      window: { duration: '1m', maxBytesPerLane: 67_108_864 },
    });
    expect(served('--config', configFile(json)).window.durationMs).toBe(60_000);
    expect(served('--config', configFile(json)).window.maxBytesPerLane).toBe(67_108_864);
  });

  test('may hold nothing but its version and kind', () => {
    expect(served('--config', configFile(HEAD)).window.durationMs).toBe(300_000);
  });

  test('lists resources by group, version and plural name', () => {
    const file = configFile(`${HEAD}resources: { pinned: [v1/pods, apps/v1/deployments] }\n`);
    expect(served('--config', file).resources.pinned).toEqual(['v1/pods', 'apps/v1/deployments']);
  });

  test('that does not exist is named', () => {
    expect(refused('serve', '--config', 'no/such.yaml')).toEqual([
      'no/such.yaml: cannot be read: no such file or directory',
    ]);
  });

  test('that is far too large is not parsed', () => {
    expect(problems(`${HEAD}#${'x'.repeat(1_100_000)}`)).toEqual(['is larger than 1Mi']);
  });
});

describe('a field', () => {
  test.each([
    ['window: { durations: 5m }', 'window.durations: unknown field; did you mean window.duration?'],
    ['windw: {}', 'windw: unknown field; did you mean window?'],
    ['http2: { frames: 1 }', 'http2.frames: unknown field; known here: maxConcurrentStreams'],
    [
      'window: { duration: 300 }',
      'window.duration: wrong type; write a duration such as 500ms, 30s or 1m30s from 1s to 24h',
    ],
    [
      'window: { duration: 5 minutes }',
      'window.duration: "5 minutes" is not accepted; write a duration such as 500ms, 30s or 1m30s from 1s to 24h',
    ],
    [
      'window: { duration: 0s }',
      'window.duration: "0s" is out of range; write a duration such as 500ms, 30s or 1m30s from 1s to 24h',
    ],
    [
      'window: { maxBytesPerLane: 12Q }',
      'window.maxBytesPerLane: "12Q" is not accepted; write a quantity of bytes such as 64Ki, 256Mi or 2Gi of at least 1Mi',
    ],
    [
      'window: { maxBytesPerLane: true }',
      'window.maxBytesPerLane: wrong type; write a quantity of bytes such as 64Ki, 256Mi or 2Gi of at least 1Mi',
    ],
    [
      'window: { minEvents: 1.5 }',
      'window.minEvents: wrong type; write a whole number from 0 to 1000000',
    ],
    ['window: []', 'window: not a mapping of fields; write window: {…}'],
    ['log: { format: XML }', 'log.format: wrong type; write one of json, text'],
    ['resources: { secrets: "yes" }', 'resources.secrets: wrong type; write true or false'],
    [
      'resources: { pinned: v1/pods }',
      'resources.pinned: wrong type; write a list of resources such as v1/pods or apps/v1/deployments',
    ],
    [
      'resources: { pinned: [1] }',
      'resources.pinned.0: wrong type; write a list of resources such as v1/pods or apps/v1/deployments',
    ],
    [
      'resources: { deny: [pods] }',
      'resources.deny: ["pods"] is not accepted; write a list of resources such as v1/pods or apps/v1/deployments',
    ],
    [
      'serving: { securePort: -1 }',
      'serving.securePort: -1 is out of range; write a whole number from 0 to 65535',
    ],
  ])('%s is refused with its path', (line, problem) => {
    expect(problems(`${HEAD}${line}\n`)).toEqual([problem]);
  });

  test.each([
    ['', 'is not YAML or JSON: expected a document, but the input is empty'],
    ['- a\n', 'the file: not a mapping of fields; write apiVersion, kind and sections'],
    ['kind: ProxyConfiguration\n', 'apiVersion: missing; write watershed.dev/v1alpha1'],
    [
      'apiVersion: v1\nkind: ProxyConfiguration\n',
      'apiVersion: not known; write watershed.dev/v1alpha1',
    ],
    [
      'apiVersion: watershed.dev/v1alpha1\nkind: Pod\n',
      'kind: not known; write ProxyConfiguration',
    ],
    [`${HEAD}kind: again\n`, 'is not YAML or JSON: duplicated mapping key (3:1)'],
    [`${HEAD}__proto__: {}\n`, '__proto__: unknown field; known here:'],
  ])('a file that begins with %j is refused', (text, problem) => {
    const lines = problems(text);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain(problem);
  });

  test('every mistake is reported at once', () => {
    expect(problems(`${HEAD}windw: {}\nlog: { verbosity: x }\nadmin: { bnd: y }\n`)).toHaveLength(
      3,
    );
  });
});

describe('fields together', () => {
  test.each([
    [
      'window: { maxBytesPerLane: 4Gi }',
      'window.maxBytesPerLane: more than window.totalMaxBytes; write at most 2Gi',
    ],
    [
      'window: { maxBytesPerLane: 8Mi }',
      'scanner.maxFrameBytes: more than window.maxBytesPerLane; write at most 8Mi',
    ],
    [
      'freshness: { waitForEvents: 5s }',
      'freshness.waitForEvents: longer than freshness.barrierTimeout; write at most 3s',
    ],
    [
      'resources: { pinned: [v1/pods], deny: [v1/pods] }',
      'resources.pinned: v1/pods is in resources.deny; remove it from one',
    ],
    [
      'resources: { pinned: [v1/pods], allow: [v1/nodes] }',
      'resources.pinned: v1/pods is not in resources.allow; add it there',
    ],
    [
      'resources: { pinned: [v1/secrets] }',
      'resources.pinned: v1/secrets needs resources.secrets: true',
    ],
    [
      'resources: { pinned: [v1/events] }',
      'resources.pinned: v1/events is never served from memory; remove it',
    ],
  ])('%s is refused', (line, problem) => {
    expect(refused('serve', '--config', configFile(`${HEAD}${line}\n`))).toEqual([problem]);
  });
});
