// The section `limits` of options.ts. No default may be reached by a controller manager, a kubelet or a balancer in front
// of the proxy; what each was measured against stands beside it.

import { bytes, integer } from './option.ts';

const KIBIBYTE = 1_024;
const MEBIBYTE = 1_024 * KIBIBYTE;
const MOST = 10_000_000;

function count(amount: number, doc: string): ReturnType<typeof integer> {
  return integer(amount, doc, { minimum: 1, maximum: MOST });
}

export const limits = Object.freeze({
  maxHeaderBytes: bytes('128Ki', 'Most bytes of request headers; more is answered with 431.', {
    minimum: 4 * KIBIBYTE,
    maximum: MEBIBYTE,
  }),
  maxConnections: count(20_000, 'Client connections open at the same time.'),
  // A balancer that speaks HTTP/1.1 opens one per watch; two of them share what there is.
  maxConnectionsPerAddress: count(
    10_000,
    'Client connections from one address; more are closed at once. Behind a single balancer that speaks HTTP/1.1, write the value of maxConnections.',
  ),
  // kube-apiserver: 400 + 200, long ones exempt; these are mostly answered from memory.
  maxRequests: count(
    4_000,
    'Requests of identities answered at the same time, watches apart; more are answered with 429 and Retry-After, as with every limit below.',
  ),
  // The streams one HTTP/2 connection may have: a balancer puts many clients on one.
  maxRequestsPerConnection: count(1_000, 'The same on one connection.'),
  // client-go's largest burst is the kubelet's, 100; kube-scheduler and the controller manager stay below it.
  maxRequestsPerIdentity: count(
    1_000,
    'The same for one identity: a token, together with the user it impersonates.',
  ),
  // 500 first requests at once, each decided in about 10 ms, are 50,000 new clients a second.
  maxUnauthenticated: count(
    1_000,
    'Requests and watches at the same time without a token, or with one that the apiserver has not accepted yet; not part of the limits for identities.',
  ),
  maxUnauthenticatedPerAddress: count(500, 'The same from one address.'),
  // Each is a question to the apiserver's authenticators, some of which ask a webhook. A client that backs off is far below.
  maxRefusalsPerToken: count(
    100,
    'Requests a second that are passed through with a token that the apiserver has refused.',
  ),
  maxOpenWatches: count(200_000, 'Watches open at the same time.'),
  // A kubelet has one per Secret and ConfigMap of its pods, about 1,000; Argo CD one per kind and namespace.
  maxWatchesPerIdentity: count(10_000, 'The same for one identity.'),
  maxSelectorBytes: bytes('8Ki', 'Requests with a longer selector are passed through.', {
    minimum: 0,
    maximum: MEBIBYTE,
  }),
  maxFilterGroupsPerLane: integer(
    20_000,
    'Different selectors watched at the same time on one resource; more are passed through.',
    { minimum: 1, maximum: 1_000_000 },
  ),
  // auth.md 4.5. By name or indexed field is free, which is what kubelets do; controllers watch whole resources.
  maxFilterGroupsPerIdentity: count(
    200,
    'Different selectors that one identity watches at the same time; those that ask for a name or an indexed field are not counted.',
  ),
  // 512 MiB and 64 MiB (auth.md 4.5) in pieces of list.chunkBytes.
  maxLists: count(2_048, 'LISTs longer than one piece being written or waiting.'),
  maxListsPerIdentity: count(256, 'The same for one identity.'),
});
