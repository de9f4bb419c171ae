/**
 * Status: every error a client can get from Watershed itself, as upstream's Status objects.
 *
 * Bytes are kube-apiserver's: Go's key order (kind, apiVersion, metadata, status, message, reason,
 * details, code; details: name, group, kind, causes, retryAfterSeconds), Go's HTML escaping, one
 * final newline. Texts follow apimachinery's `api/errors` constructors named at each builder.
 * Errors of a request that upstream itself refuses are never built here: such a request is passed
 * through and upstream answers it.
 */
import { goJson, goQuote } from './go-text.ts';
import { qualifiedName, type Resource } from './resource.ts';

/**
 * A response ready to be sent: HTTP code and the JSON body, newline included.
 * `retryAfterSeconds` > 0 asks for a `Retry-After` header; a 403 also carries
 * `X-Content-Type-Options: nosniff` upstream.
 */
export interface StatusResponse {
  readonly code: number;
  readonly body: Buffer;
  readonly retryAfterSeconds?: number;
}

interface StatusCause {
  readonly reason?: string;
  readonly message?: string;
  readonly field?: string;
}

interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly causes?: readonly StatusCause[];
  readonly retryAfterSeconds?: number;
}

interface StatusParts {
  readonly code: number;
  readonly message: string;
  readonly reason: string;
  readonly details?: StatusDetails;
  readonly continueToken?: string;
}

/** What a name in an error belongs to; a Resource fits. */
export type ResourceName = Pick<Resource, 'group' | 'plural'>;

/** Upstream's message for a continue token whose revision was compacted (etcd3/errors.go). */
const CONTINUE_EXPIRED =
  'The provided continue parameter is too old to display a consistent list result. ' +
  'You can start a new list without the continue parameter, or use the continue token in this ' +
  'response to retrieve the remainder of the results. Continuing with the provided token results ' +
  'in an inconsistent list - objects that were created, modified, or deleted between the time the ' +
  'first chunk was returned and now may show up in the list.';

/** 410 Expired (`NewResourceExpired`) with the given text. */
export function expired(message: string): StatusResponse {
  return build({ code: 410, message, reason: 'Expired' });
}

/** 410 of a watch: `oldest` is the lowest revision a watch may still start from. */
export function expiredWatch(requested: number, oldest: number): StatusResponse {
  return expired(`too old resource version: ${requested} (${oldest})`);
}

/** 410 of a LIST at an exact revision that is no longer held. */
export function expiredList(): StatusResponse {
  return expired('The resourceVersion for the provided list is too old.');
}

/** 410 of a page; `continueToken` (revision -1, same start) lets the client go on inexactly. */
export function expiredContinue(continueToken: string): StatusResponse {
  return build({ code: 410, message: CONTINUE_EXPIRED, reason: 'Expired', continueToken });
}

/** 504 (`NewTooLargeResourceVersionError`): the store has not reached the requested revision. */
export function tooLargeResourceVersion(requested: number, current: number): StatusResponse {
  return build({
    code: 504,
    message: `Timeout: Too large resource version: ${requested}, current: ${current}`,
    reason: 'Timeout',
    details: {
      causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      retryAfterSeconds: 1,
    },
  });
}

/** 504 (`NewTimeoutError`). */
export function timeout(message: string, retryAfterSeconds = 0): StatusResponse {
  return build({
    code: 504,
    message: `Timeout: ${message}`,
    reason: 'Timeout',
    details: retryDetails(retryAfterSeconds),
  });
}

/** 404 of an object (`NewNotFound`). */
export function notFound(resource: ResourceName, name: string): StatusResponse {
  return build({
    code: 404,
    message: `${qualifiedName(resource)} ${goQuote(name)} not found`,
    reason: 'NotFound',
    details: resourceDetails(resource, name),
  });
}

/** 404 of a path that names no resource. */
export function notFoundPath(): StatusResponse {
  return build({
    code: 404,
    message: 'the server could not find the requested resource',
    reason: 'NotFound',
    details: {},
  });
}

/** Who was refused what; `name` and `namespace` may be empty. */
export interface ForbiddenAttributes {
  readonly user: string;
  readonly verb: string;
  readonly resource: ResourceName;
  readonly name?: string;
  readonly namespace?: string;
  /** The authorizer's reason, appended when not empty. */
  readonly reason?: string;
}

/** 403 as the apiserver's authorization filter writes it (`responsewriters.ForbiddenStatusError`). */
export function forbidden(attributes: ForbiddenAttributes): StatusResponse {
  const { user, verb, resource, name = '', namespace = '', reason = '' } = attributes;
  const scope =
    namespace === '' ? 'at the cluster scope' : `in the namespace ${goQuote(namespace)}`;
  const denied = sanitize(
    `User ${goQuote(user)} cannot ${verb} resource ${goQuote(resource.plural)} ` +
      `in API group ${goQuote(resource.group)} ${scope}`,
  );
  const subject =
    name === '' ? qualifiedName(resource) : `${qualifiedName(resource)} ${goQuote(name)}`;
  return build({
    code: 403,
    message: `${subject} is forbidden: ${denied}${reason === '' ? '' : `: ${reason}`}`,
    reason: 'Forbidden',
    details: resourceDetails(resource, name),
  });
}

/** 401 (`NewUnauthorized`). */
export function unauthorized(): StatusResponse {
  return build({ code: 401, message: 'Unauthorized', reason: 'Unauthorized' });
}

/** 400 (`NewBadRequest`): of Watershed itself, for what must not even be passed through. */
export function badRequest(message: string): StatusResponse {
  return build({ code: 400, message, reason: 'BadRequest' });
}

/** 413 (`NewRequestEntityTooLargeError`). */
export function requestEntityTooLarge(message: string): StatusResponse {
  return build({
    code: 413,
    message: `Request entity too large: ${message}`,
    reason: 'RequestEntityTooLarge',
  });
}

/** 429 (`NewTooManyRequests`). */
export function tooManyRequests(message: string, retryAfterSeconds = 1): StatusResponse {
  return build({
    code: 429,
    message,
    reason: 'TooManyRequests',
    details: retryDetails(retryAfterSeconds),
  });
}

/** 503 (`NewServiceUnavailable`), with a retry hint when `retryAfterSeconds` > 0. */
export function serviceUnavailable(message: string, retryAfterSeconds = 0): StatusResponse {
  return build({
    code: 503,
    message,
    reason: 'ServiceUnavailable',
    details: retryAfterSeconds > 0 ? retryDetails(retryAfterSeconds) : undefined,
  });
}

/** 500 (`NewInternalError`). */
export function internalError(message: string): StatusResponse {
  return build({
    code: 500,
    message: `Internal error occurred: ${message}`,
    reason: 'InternalError',
    details: { causes: [{ message }] },
  });
}

/** The status as a watch line: `{"type":"ERROR","object":{...}}` and a newline. */
export function errorEvent(status: StatusResponse): Buffer {
  const object = status.body.toString('utf8', 0, status.body.length - 1);
  return Buffer.from(`{"type":"ERROR","object":${object}}\n`);
}

function build(parts: StatusParts): StatusResponse {
  const body = goJson({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: { continue: parts.continueToken },
    status: 'Failure',
    message: parts.message === '' ? undefined : parts.message,
    reason: parts.reason,
    details: parts.details,
    code: parts.code,
  });
  return {
    code: parts.code,
    body: Buffer.from(`${body}\n`),
    retryAfterSeconds: parts.details?.retryAfterSeconds,
  };
}

function resourceDetails(resource: ResourceName, name: string): StatusDetails {
  return {
    name: name === '' ? undefined : name,
    group: resource.group === '' ? undefined : resource.group,
    kind: resource.plural,
  };
}

/** Go prints int32 0 as absent, but the details object itself stays: `"details":{}`. */
function retryDetails(retryAfterSeconds: number): StatusDetails {
  return { retryAfterSeconds: retryAfterSeconds > 0 ? retryAfterSeconds : undefined };
}

/** The apiserver's sanitizer: HTML entities, applied before JSON's own escaping. */
function sanitize(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
