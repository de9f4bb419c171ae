/**
 * Reviews: the resources that answer questions about access and are never stored.
 *
 * SelfSubjectAccessReview and SelfSubjectReview are what the proxy and kubectl ask; SubjectAccessReview
 * and TokenReview answer about others and need full rights.
 */
import { goJson } from '../k8s/go-text.ts';
import { allows } from './access.ts';
import type { Access, Action, User } from './access.ts';
import { badRequestError, noSuchPath } from './errors.ts';
import { decodeReview, isProtobuf } from './review-protobuf.ts';
import type { Target } from './request.ts';
import { timestamp } from './writes.ts';

/** Plural name -> kind, by group version: what discovery prints. */
export const reviewKinds: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'authentication.k8s.io/v1': {
    selfsubjectreviews: 'SelfSubjectReview',
    tokenreviews: 'TokenReview',
  },
  'authorization.k8s.io/v1': {
    selfsubjectaccessreviews: 'SelfSubjectAccessReview',
    subjectaccessreviews: 'SubjectAccessReview',
  },
};

/** The part of a review that asks. */
export interface ReviewSpec {
  readonly resourceAttributes?: Readonly<Record<string, string>>;
  readonly nonResourceAttributes?: Readonly<Record<string, string>>;
  readonly user?: string;
  readonly token?: string;
}

export function isReview({ group, version, plural }: Target): boolean {
  return Object.hasOwn(reviewKinds[`${group}/${version}`] ?? {}, plural);
}

/** @returns the review with its status, as JSON. */
export function answerReview(target: Target, body: Buffer, caller: User, access: Access): string {
  const groupVersion = `${target.group}/${target.version}`;
  const head = { kind: reviewKinds[groupVersion][target.plural], apiVersion: groupVersion };
  const spec = isProtobuf(body) ? decodeReview(body, target.plural) : parseSpec(body);
  switch (target.plural) {
    case 'selfsubjectreviews': {
      const metadata = { creationTimestamp: timestamp() };
      return goJson({ ...head, metadata, status: { userInfo: userInfo(caller) } });
    }
    case 'selfsubjectaccessreviews':
      return goJson({ ...head, metadata: {}, spec, status: decide(caller, spec) });
    case 'subjectaccessreviews': {
      access.require(caller, creation(target));
      const user = access.user(spec.user ?? '');
      const status = user === undefined ? { allowed: false } : decide(user, spec);
      return goJson({ ...head, metadata: {}, spec, status });
    }
    case 'tokenreviews': {
      access.require(caller, creation(target));
      const user = access.byToken(spec.token ?? '');
      const status =
        user === undefined
          ? { user: {}, error: 'invalid bearer token' }
          : { authenticated: true, user: userInfo(user) };
      return goJson({ ...head, metadata: {}, spec, status });
    }
    default:
      throw noSuchPath();
  }
}

function creation({ group, plural }: Target): Action {
  return { verb: 'create', group, resource: plural, namespace: '', name: '' };
}

function decide(user: User, spec: ReviewSpec): { allowed: boolean } {
  // Paths outside the API (health, discovery) are open to everybody known.
  if (spec.resourceAttributes === undefined) return { allowed: true };
  const attributes = spec.resourceAttributes;
  return {
    allowed: allows(user.rules, {
      verb: attributes.verb ?? '',
      group: attributes.group ?? '',
      resource: attributes.resource ?? '',
      subresource: attributes.subresource,
      namespace: attributes.namespace ?? '',
      name: attributes.name ?? '',
    }),
  };
}

function userInfo(user: User): Record<string, unknown> {
  return { username: user.name, uid: `uid-${user.name}`, groups: user.groups };
}

function parseSpec(body: Buffer): ReviewSpec {
  try {
    const review = JSON.parse(body.toString() || '{}') as { spec?: ReviewSpec } | null;
    return review?.spec ?? {};
  } catch {
    throw badRequestError('the object provided is unrecognized: json parse error');
  }
}
