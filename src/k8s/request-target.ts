/**
 * Request target: what the raw path of a request names.
 *
 * Only one spelling of a resource path is eligible for the cache: no percent-encoding, no empty or
 * dot segments, no trailing slash. Every other spelling is `other` and is forwarded raw, so that
 * there is never a second parser whose opinion differs from upstream's (auth.md 4.2). The split into
 * group, version, namespace, resource and name follows apiserver's `NewRequestInfo`.
 */
import type { Resource } from './resource.ts';

export interface CollectionTarget {
  readonly kind: 'collection';
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  /** `''`: all namespaces, or a cluster-scoped resource. */
  readonly namespace: string;
  /** Raw text after the first `?`, `''` when there is none. */
  readonly query: string;
}

export interface ObjectTarget {
  readonly kind: 'object';
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  /** Of a Namespace object: its own name, as in upstream's authorization attributes. */
  readonly namespace: string;
  readonly name: string;
  readonly query: string;
}

export interface OtherTarget {
  readonly kind: 'other';
  /** Why it is not for the cache; a constant text, fit for a metric label. */
  readonly reason: string;
}

export type RequestTarget = CollectionTarget | ObjectTarget | OtherTarget;

const PATH = /^(?:\/[A-Za-z0-9\-._~!$&'()*+,=:@]+)+$/;
/** Printable ASCII without `#`: what an HTTP client may send unescaped after `?`. */
const QUERY = /^[\x21\x22\x24-\x7e]*$/;
/** Bound on the work of parsing; upstream's own limit on all headers is 1 MiB. */
const MAX_TARGET_LENGTH = 64 * 1024;

/** Splits a raw request target (origin form, as received). Never throws. */
export function parseRequestTarget(rawTarget: string): RequestTarget {
  if (rawTarget.length > MAX_TARGET_LENGTH) return other('target too long');
  const mark = rawTarget.indexOf('?');
  const path = mark === -1 ? rawTarget : rawTarget.slice(0, mark);
  const query = mark === -1 ? '' : rawTarget.slice(mark + 1);
  if (!PATH.test(path) || !QUERY.test(query)) return other('unusual spelling');
  const segments = path.slice(1).split('/');
  if (segments.includes('.') || segments.includes('..')) return other('unusual spelling');
  return parseSegments(segments, query);
}

/** Whether the target addresses the resource as its scope demands; upstream answers 404 otherwise. */
export function fitsScope(
  target: CollectionTarget | ObjectTarget,
  resource: Pick<Resource, 'group' | 'plural' | 'namespaced'>,
): boolean {
  if (target.kind === 'collection') return resource.namespaced || target.namespace === '';
  if (resource.namespaced) return target.namespace !== '';
  return target.namespace === '' || (resource.group === '' && resource.plural === 'namespaces');
}

interface Position {
  readonly group: string;
  readonly version: string;
  readonly namespace: string;
  readonly query: string;
}

function parseSegments(segments: readonly string[], query: string): RequestTarget {
  const [root, ...rest] = segments;
  if (root !== 'api' && root !== 'apis') return other('not a resource');
  const group = root === 'api' ? '' : rest.shift();
  const version = rest.shift();
  if (group === undefined || version === undefined || rest.length === 0) {
    return other('not a resource');
  }
  if (rest[0] === 'watch' || rest[0] === 'proxy') return other('verb in the path');
  if (rest[0] === 'namespaces') return parseNamespaces(rest, { group, version, query });
  return parseResource(rest, { group, version, namespace: '', query });
}

/** `namespaces`, `namespaces/x`, `namespaces/x/<resource>...`, or a subresource of a namespace. */
function parseNamespaces(
  rest: readonly string[],
  position: Omit<Position, 'namespace'>,
): RequestTarget {
  const [, namespace = '', inner] = rest;
  if (inner === undefined) return parseResource(rest, { ...position, namespace });
  if (inner === 'status' || inner === 'finalize') return other('subresource');
  // No resource is called so inside a namespace; upstream answers 404.
  if (inner === 'namespaces') return other('not a resource');
  return parseResource(rest.slice(2), { ...position, namespace });
}

function parseResource(rest: readonly string[], position: Position): RequestTarget {
  const [plural, name, subresource] = rest;
  if (subresource !== undefined) return other('subresource');
  if (name === undefined) return { kind: 'collection', plural, ...position };
  return { kind: 'object', plural, name, ...position };
}

function other(reason: string): OtherTarget {
  return { kind: 'other', reason };
}
