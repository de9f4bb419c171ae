// The reviewed list of tolerated differences. Every other difference is a fault. An entry covers single
// sentences of a comparison, says why nobody can be hurt by it, and may not concern a form that a
// released client sends.
//
// Not here, because nothing is tolerated there: headers that belong to one hop, one moment or one
// request (Date, Audit-Id, Connection, the X-Kubernetes-Pf-* of queues that an answer from memory did
// not go through) are not compared at all (`support/compare.ts`).

import type { RecordedResponse } from '../../support/recorded-response.ts';
import { framesOf, isBookmark } from '../support/compare.ts';
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
  {
    name: 'a bookmark that upstream leaves out',
    reason:
      'Upstream drops a bookmark whose revision is not above the last event it looked through for this watch, shown to it or not (semantics 4.5); here it is sent, as it spares a client with a selector to resume from an ever older revision. The API promises nothing about when bookmarks come, only what they mean, and that holds.',
    covers: (sentence, { verb }, { direct, proxied }) =>
      verb === 'watch' && sentence.startsWith('body differs') && hasMoreBookmarks(proxied, direct),
  },
];

/** Whether the only difference is that `more` has bookmarks in places where `less` has none. */
function hasMoreBookmarks(more: RecordedResponse, less: RecordedResponse): boolean {
  const left = framesOf(less);
  for (const frame of framesOf(more)) {
    if (frame === left[0]) left.shift();
    else if (!isBookmark(frame) || frame.includes(initialEventsEnd)) return false;
  }
  return left.length === 0;
}

const initialEventsEnd = 'k8s.io/initial-events-end';
