/**
 * Media: which of the simulator's representations an Accept header asks for.
 *
 * All of them are JSON. Clauses are taken in header order (quality values are not looked at); one
 * that cannot be served is skipped, as upstream does.
 */
import { notAcceptable } from './errors.ts';

export type View = 'object' | 'table' | 'metadata' | 'discovery';

export function viewOf(accept: string | undefined, watch: boolean): View {
  if (accept === undefined || accept.trim() === '') return 'object';
  for (const clause of accept.split(',')) {
    const [type, ...parameters] = clause.split(';').map((part) => part.trim());
    if (!['*/*', 'application/*', 'application/json'].includes(type)) continue;
    const view = transform(parameters);
    if (view !== undefined) return view;
  }
  throw notAcceptable(watch);
}

function transform(parameters: readonly string[]): View | undefined {
  const as = parameters.find((parameter) => parameter.startsWith('as='))?.slice(3);
  if (as === undefined) return 'object';
  const meta = parameters.includes('g=meta.k8s.io');
  if (as === 'Table' && meta) return 'table';
  if (as.startsWith('PartialObjectMetadata') && meta) return 'metadata';
  const v2 = parameters.includes('g=apidiscovery.k8s.io') && parameters.includes('v=v2');
  return as === 'APIGroupDiscoveryList' && v2 ? 'discovery' : undefined;
}
