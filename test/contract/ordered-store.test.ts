import { describe, expect, test } from 'vitest';
import { STORE_KINDS } from '../../bench/lib/stores/kinds.ts';
import { orderedStoreContract } from './ordered-store.contract.ts';

for (const kind of STORE_KINDS) {
  describe(`${kind.name} as an ordered store`, () => orderedStoreContract(kind));
}

test('Watershed passes every case of the contract', () => {
  expect(STORE_KINDS.find(({ name }) => name === 'Watershed')?.skips).toEqual({});
});
