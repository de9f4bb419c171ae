import { describe, expect, test } from 'vitest';
import { parseListOptions } from '../../src/k8s/list-options.ts';
import { type Counted, upstreamListMs } from '../../src/proxy/upstream-cost.ts';

/** A lane of 50,000 objects, ten of them in namespace `a`. */
function laneOf(form: string): Counted {
  return {
    resource: { namespaced: true },
    head: 1,
    codec: { form },
    count: (_position, { prefix }) => (prefix.length === 0 ? 50_000 : 10),
  };
}

function costMs(query: string, { namespace = '', form = 'json', metadata = false } = {}): number {
  const parsed = parseListOptions(query);
  if (parsed.kind !== 'options') throw new Error(`${query} is not understood`);
  return upstreamListMs(laneOf(form), { namespace, options: parsed.options, metadata });
}

describe('what a LIST costs upstream', () => {
  test('is least for one key and a small namespace, and most for everything', () => {
    const oneKey = costMs('fieldSelector=metadata.name=x', { namespace: 'a' });
    const small = costMs('', { namespace: 'a' });
    const page = costMs('limit=500');
    const selected = costMs('labelSelector=a=b');
    const all = costMs('');
    expect([oneKey, small, page, selected, all]).toEqual(
      [oneKey, small, page, selected, all].toSorted((left, right) => left - right),
    );
    expect(new Set([oneKey, small, page, selected, all]).size).toBe(5);
  });

  test('is not that of one key while the namespace is open', () => {
    expect(costMs('fieldSelector=metadata.name=x')).toBeGreaterThan(costMs('', { namespace: 'a' }));
    const named = 'fieldSelector=metadata.name=x,metadata.namespace=a';
    expect(costMs(named)).toBeLessThan(costMs('', { namespace: 'a' }));
  });

  test('is less for metadata, from whichever lane it is shown', () => {
    expect(costMs('', { metadata: true })).toBeLessThan(costMs(''));
    expect(costMs('', { form: 'json metadata' })).toBe(costMs('', { metadata: true }));
    expect(costMs('', { form: 'protobuf metadata' })).toBeLessThan(costMs('', { metadata: true }));
  });
});
