/** A scripted apiserver that answers SelfSubjectAccessReviews from a list of rights. */

import { BearerCredential } from '../../src/auth/authenticate.ts';
import type { Attributes } from '../../src/auth/attributes.ts';
import { answer, bytesOf } from '../upstream/support/server.ts';
import type { IncomingMessage, ServerResponse } from '../upstream/support/server.ts';

export interface SeenReview {
  readonly rawHeaders: readonly string[];
  readonly spec: Readonly<Record<string, unknown>>;
}

export class ScriptedReviews {
  /** Bearer tokens upstream knows. */
  readonly tokens = new Set(['alice']);
  /** Decides an authenticated question. */
  allows: (attributes: Readonly<Record<string, unknown>>) => boolean = () => true;
  /** Replaces the whole answer when it returns true. */
  instead: (response: ServerResponse) => boolean = () => false;
  readonly seen: SeenReview[] = [];

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = JSON.parse((await bytesOf(request)).toString());
    this.seen.push({ rawHeaders: request.rawHeaders, spec: body.spec });
    if (this.instead(response)) {
      return;
    }
    const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
    if (request.url !== path || request.method !== 'POST') {
      answer(response, 404, { kind: 'Status' });
    } else if (!this.tokens.has(request.headers.authorization?.split(' ')[1] ?? '')) {
      answer(response, 401, { kind: 'Status', code: 401 });
    } else {
      const allowed = this.allows(body.spec.resourceAttributes);
      answer(response, 201, { ...body, status: { allowed } });
    }
  }
}

export function caller(token = 'alice', ...more: string[]): BearerCredential {
  return new BearerCredential(['Authorization', `Bearer ${token}`, ...more]);
}

export function asking(attributes: Partial<Attributes> = {}): Attributes {
  return {
    verb: 'list',
    group: '',
    version: 'v1',
    resource: 'pods',
    subresource: '',
    namespace: 'a',
    name: '',
    rawFieldSelector: '',
    rawLabelSelector: '',
    ...attributes,
  };
}
