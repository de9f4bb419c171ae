// The reviewed list of tolerated differences. Every other difference is a fault. An entry covers single
// sentences of a comparison, says why nobody can be hurt by it, and may not concern a form that a
// released client sends.
//
// Not here, because nothing is tolerated there: headers that belong to one hop, one moment or one
// request (Date, Audit-Id, Connection, the X-Kubernetes-Pf-* of queues that an answer from memory did
// not go through) are not compared at all (`support/compare.ts`).

import type { Answers } from './ask-both.ts';
import type { Generated } from './grammar.ts';

export interface Explanation {
  readonly name: string;
  readonly reason: string;
  covers(sentence: string, asked: Generated, answers: Answers): boolean;
}

export const explanations: readonly Explanation[] = [
  {
    name: 'white space around an HTTP/2 header value',
    reason:
      'RFC 9113 8.2.1 forbids it and no HTTP/2 library sends it; Node drops such a header before the proxy sees it, Go keeps it.',
    covers: (_sentence, { request }) =>
      request.protocol === 'h2' &&
      Object.values(request.headers ?? {})
        .flat()
        .some((value) => value.trim() !== value),
  },
];
