/**
 * Errors: refusals of the simulated apiserver, as Status objects in kube-apiserver's words.
 *
 * Thrown anywhere while a request is answered; the server writes them. Those the proxy also needs
 * come from k8s/status.ts; here are the ones only an apiserver can say.
 */
import { goJson, goQuote } from '../k8s/go-text.ts';
import { qualifiedName } from '../k8s/resource.ts';
import { badRequest, notFound, notFoundPath } from '../k8s/status.ts';
import type { StatusResponse } from '../k8s/status.ts';
import type { Kind } from './kinds.ts';

export class ApiError extends Error {
  readonly status: StatusResponse;

  constructor(status: StatusResponse) {
    super(status.body.toString());
    this.name = 'ApiError';
    this.status = status;
  }
}

interface Cause {
  readonly reason: string;
  readonly message: string;
  readonly field: string;
}

interface Failure {
  readonly code: number;
  readonly message: string;
  readonly reason?: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

export function failure(parts: Failure): ApiError {
  const { code, message, reason, details } = parts;
  const head = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure' };
  const body = Buffer.from(`${goJson({ ...head, message, reason, details, code })}\n`);
  return new ApiError({ code, body });
}

export function badRequestError(message: string): ApiError {
  return new ApiError(badRequest(message));
}

export function notFoundError(kind: Kind, name: string): ApiError {
  return new ApiError(notFound(kind, name));
}

export function noSuchPath(): ApiError {
  return new ApiError(notFoundPath());
}

export function methodNotAllowed(): ApiError {
  const message = 'the server does not allow this method on the requested resource';
  return failure({ code: 405, message, reason: 'MethodNotAllowed', details: {} });
}

export function unsupportedMediaType(): ApiError {
  const message = '415: Unsupported Media Type (the simulator reads JSON)';
  return failure({ code: 415, message, reason: 'UnsupportedMediaType', details: {} });
}

export function notAcceptable(watch: boolean): ApiError {
  const accepted = ['json', 'yaml', 'vnd.kubernetes.protobuf']
    .filter((type) => !watch || type !== 'yaml')
    .map((type) => `application/${type}${watch ? ';stream=watch' : ''}`)
    .join(', ');
  const message = `only the following media types are accepted: ${accepted}`;
  return failure({ code: 406, message, reason: 'NotAcceptable' });
}

export function alreadyExists(kind: Kind, name: string): ApiError {
  return failure({
    code: 409,
    message: `${qualifiedName(kind)} ${goQuote(name)} already exists`,
    reason: 'AlreadyExists',
    details: objectDetails(kind, name),
  });
}

export function conflict(kind: Kind, name: string, why: string): ApiError {
  return failure({
    code: 409,
    message: `Operation cannot be fulfilled on ${qualifiedName(kind)} ${goQuote(name)}: ${why}`,
    reason: 'Conflict',
    details: objectDetails(kind, name),
  });
}

export function invalidObject(kind: Kind, name: string, cause: Cause): ApiError {
  const type = kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`;
  return failure({
    code: 422,
    message: `${type} ${goQuote(name)} is invalid: ${cause.field}: ${cause.message}`,
    reason: 'Invalid',
    details: {
      name,
      group: kind.group === '' ? undefined : kind.group,
      kind: kind.kind,
      causes: [cause],
    },
  });
}

export function invalidListOptions(causes: readonly Cause[]): ApiError {
  const texts = causes.map((cause) => `${cause.field}: ${cause.message}`);
  const list = texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`;
  return failure({
    code: 422,
    message: `ListOptions.meta.k8s.io "" is invalid: ${list}`,
    reason: 'Invalid',
    details: { group: 'meta.k8s.io', kind: 'ListOptions', causes },
  });
}

/** A resourceVersion that is no number: LIST says 400, GET and WATCH say 500 (semantics 2, 4.1). */
export function invalidRevision(text: string, verb: 'list' | 'watch' | 'get'): ApiError {
  const why =
    `resourceVersion: Invalid value: ${goQuote(text)}: strconv.ParseUint: ` +
    `parsing ${goQuote(text)}: invalid syntax`;
  if (verb === 'list') return badRequestError(`invalid resource version: ${why}`);
  return failure({ code: 500, message: why });
}

export function objectDetails(kind: Kind, name: string): Record<string, unknown> {
  return { name, group: kind.group === '' ? undefined : kind.group, kind: kind.plural };
}
