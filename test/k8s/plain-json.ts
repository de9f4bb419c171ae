import { representationOf } from '../../src/k8s/media-type.ts';

/** Whether upstream would surely answer a GET in plain JSON; `other` for every other form and every doubt. */
export function plainJson(
  accept: string | undefined,
  userAgent: string | undefined,
  custom = false,
): 'json' | 'other' {
  const form = representationOf({ accept, userAgent, custom, verb: 'get' });
  return form?.encoding === 'json' && !form.metadata ? 'json' : 'other';
}
