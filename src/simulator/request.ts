/**
 * ApiRequest: one HTTP request as the simulated apiserver understands it.
 *
 * Path rules of semantics 1.1. A path that names no resource is left to the server's other routes
 * (discovery, health, faults).
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { Action } from './access.ts';
import { truth } from './read-options.ts';

export interface ApiRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** undefined: the path names no resource. */
  readonly target: Target | undefined;
}

export interface Target {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly namespace: string;
  readonly name: string;
  readonly subresource: string;
}

export function parseRequest(
  method: string,
  target: string,
  headers: IncomingHttpHeaders,
): ApiRequest {
  const mark = target.indexOf('?');
  const path = mark === -1 ? target : target.slice(0, mark);
  const query = new URLSearchParams(mark === -1 ? '' : target.slice(mark + 1));
  return { method, path, query, headers, target: parsePath(path) };
}

/** The verb that rules are about. */
export function verbOf(request: ApiRequest, target: Target): string {
  switch (request.method) {
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return target.name === '' ? 'deletecollection' : 'delete';
    default:
      if (target.name !== '') return 'get';
      return truth(request.query.get('watch')) === true ? 'watch' : 'list';
  }
}

export function actionOf(request: ApiRequest, target: Target): Action {
  const { group, plural, namespace, subresource } = target;
  const name = target.name === '' ? selectedName(request) : target.name;
  return {
    verb: verbOf(request, target),
    group,
    resource: plural,
    subresource: subresource === '' ? undefined : subresource,
    namespace,
    name,
  };
}

function selectedName(request: ApiRequest): string {
  const selector = request.query.get('fieldSelector') ?? '';
  return /(?:^|,)metadata\.name==?([^,\\=!/%]+)(?:,|$)/.exec(selector)?.[1] ?? '';
}

function parsePath(path: string): Target | undefined {
  const parts = path.split('/').filter((part) => part !== '');
  const api = parts.shift();
  const group = api === 'apis' ? parts.shift() : api === 'api' ? '' : undefined;
  const version = parts.shift();
  if (group === undefined || version === undefined || parts.length === 0) return undefined;
  let namespace = '';
  if (parts[0] === 'namespaces' && parts.length > 1) {
    namespace = decodePart(parts[1]);
    const inside = parts.length > 2 && parts[2] !== 'status' && parts[2] !== 'finalize';
    if (inside) parts.splice(0, 2);
  }
  const [plural, name = '', subresource = '', ...rest] = parts.map(decodePart);
  // Deeper paths exist only below proxies, of which there are none here.
  if (rest.length > 0) return { group, version, plural: '', namespace, name, subresource };
  return { group, version, plural, namespace, name, subresource };
}

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
