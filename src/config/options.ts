// The one table of what can be configured. A field here is a field of the configuration file, of
// the resolved Config (durations gain `Ms`), of --print-config, /flagz and docs/config.md; with
// `flag` it is a flag as well. Numbers without a source are chosen to be unreachable in normal use.

import { boolean, bytes, choice, duration, integer, path, string, strings } from './option.ts';
import type { Form, Option } from './option.ts';
import { isAddress, isHost, splitHostAndPort } from './host-and-port.ts';
import { limits } from './limit-options.ts';

export const API_VERSION = 'watershed.dev/v1alpha1';
export const KIND = 'ProxyConfiguration';

const RESOURCE_ID =
  /^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?\/)?v[a-z0-9]+\/[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/;

const RESOURCE: Form = {
  words: 'resources such as v1/pods or apps/v1/deployments',
  accepts: (text) => RESOURCE_ID.test(text),
};

const NAMESPACE: Form = {
  words: 'names of namespaces such as kube-system',
  accepts: (text) => /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/.test(text),
};

const AUDIENCE: Form = {
  words: 'audiences such as https://watershed.example.com',
  accepts: (text) => /^[!-~]{1,256}$/.test(text),
};

const ADDRESS: Form = {
  words: 'an IP address such as 0.0.0.0, 127.0.0.1 or ::',
  accepts: isAddress,
};

const HOST_NAME: Form = {
  words: 'DNS names or IP addresses',
  accepts: isHost,
};

const HOST_AND_PORT: Form = {
  words: 'an address and port such as 127.0.0.1:9095 or [::1]:9095',
  accepts: (text) => splitHostAndPort(text) !== undefined,
};

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const KIBIBYTE = 1_024;
const MEBIBYTE = 1_024 * KIBIBYTE;

const upstream = {
  kubeconfig: path(
    '',
    'Kubeconfig file of the cluster to read. Empty: in-cluster when running in a pod, else KUBECONFIG, else ~/.kube/config.',
    { flag: 'kubeconfig' },
  ),
  context: string('', 'Kubeconfig context to use. Empty: its current-context.', {
    flag: 'context',
  }),
  reviewerKubeconfig: path(
    '',
    'Kubeconfig file of the account that asks the apiserver about callers with client certificates or tokens of their own (system:auth-delegator). Needed with serving.clientCaFile and auth.tokenAudiences.',
    { flag: 'authorization-kubeconfig' },
  ),
  impersonatorKubeconfig: path(
    '',
    'Kubeconfig file of the account that passes requests of those callers through in their name. It must be able to impersonate and to do nothing else.',
    { flag: 'impersonation-kubeconfig' },
  ),
  // kube-apiserver's own limits are 400 reading and 200 writing requests in flight.
  maxForwardedCalls: integer(600, 'Short requests passed through to the apiserver at once.', {
    minimum: 1,
    maximum: 65_536,
  }),
  maxForwardedStreams: integer(
    4_096,
    'Watches, logs and other long requests passed through at once; each has a connection.',
    { minimum: 1, maximum: 65_536 },
  ),
  // The apiserver gives up after 60 s itself, with its own answer: that one must win.
  requestTimeout: duration(
    '90s',
    'Longest a short passed-through request may wait for its answer to begin.',
    { minimum: 1_000, maximum: HOUR_MS },
  ),
};

const serving = {
  bindAddress: string('0.0.0.0', 'IP address the proxy listens on.', {
    flag: 'bind-address',
    form: ADDRESS,
  }),
  securePort: integer(8443, 'TLS port of the proxy; 0 takes a free one.', {
    flag: 'secure-port',
    minimum: 0,
    maximum: 65_535,
  }),
  tlsCertFile: path('', 'Serving certificate, with intermediates, as PEM.', {
    flag: 'tls-cert-file',
  }),
  tlsPrivateKeyFile: path('', 'Private key of the serving certificate, as PEM.', {
    flag: 'tls-private-key-file',
  }),
  clientCaFile: path(
    '',
    'Certificates of the authorities whose client certificates are accepted, as PEM; read again when it changes. Empty: clients are not asked for one.',
    { flag: 'client-ca-file' },
  ),
  certDirectory: path(
    '~/.watershed/certs',
    'Folder in which a self-signed certificate is made and kept when no certificate is given.',
    { flag: 'cert-dir' },
  ),
  certNames: strings(
    [],
    'DNS names and addresses that clients use: a certificate that is given must be valid for all of them, a self-signed one is made for them and those of the Kubernetes service and this machine.',
    { form: HOST_NAME },
  ),
};

const admin = {
  bind: string(
    '127.0.0.1:9095',
    'Address of the admin listener: metrics, health, status page. It asks nobody who they are, so keep it local or behind a network policy.',
    { flag: 'admin-bind', form: HOST_AND_PORT },
  ),
};

const log = {
  verbosity: integer(
    0,
    'Log level as in Kubernetes: 0 normal, 2 one line per request, 4 debug, 6 trace.',
    { flag: 'v', short: 'v', minimum: 0, maximum: 10 },
  ),
  format: choice(['json', 'text'], 'json', 'Form of log lines.', { flag: 'log-format' }),
};

const resources = {
  pinned: strings([], 'Resources followed from the start and never let go.', { form: RESOURCE }),
  allow: strings(
    [],
    'Resources that may be served from memory. Empty: all that the reader may list and watch.',
    { form: RESOURCE },
  ),
  deny: strings([], 'Resources that are always passed through. Wins over allow.', {
    form: RESOURCE,
  }),
  secrets: boolean(
    false,
    'Whether the Secrets of all namespaces may be served from memory; the reader must be allowed to list them. See secretNamespaces for less.',
  ),
  secretNamespaces: strings(
    [],
    'Namespaces whose Secrets may be served from memory, each followed by itself, so that the reader needs no right beyond them.',
    { form: NAMESPACE },
  ),
};

const lanes = {
  idleTimeout: duration('10m', 'A lane that nobody reads for this long is let go.', {
    minimum: 1_000,
    maximum: DAY_MS,
  }),
  startTimeout: duration(
    '10s',
    'Longest a request waits for the first listing of its resource before it is passed through.',
    { minimum: 0, maximum: HOUR_MS },
  ),
  metadataFromObjects: boolean(
    true,
    'Whether PartialObjectMetadata is cut out of whole objects where these are followed anyway and a comparison with the apiserver shows the same bytes; false follows it separately.',
  ),
  bridgeUpstreamExpiry: boolean(
    false,
    'When the apiserver expired our own watch and the resource was listed again: true keeps open watches and sends them the difference, false ends them with 410 so that clients list again.',
  ),
};

const window = {
  // Five minutes is etcd's default compaction interval in kube-apiserver: a client that could
  // resume there can resume here.
  duration: duration('5m', 'How long events are kept for watches that resume.', {
    minimum: 1_000,
    maximum: DAY_MS,
  }),
  maxBytesPerLane: bytes('512Mi', 'Most bytes of events kept for one resource.', {
    minimum: MEBIBYTE,
  }),
  minEvents: integer(
    1_024,
    'Events kept for one resource even when they are older than the window, as far as bytes allow: a quiet resource then accepts old revisions.',
    { minimum: 0, maximum: 1_000_000 },
  ),
  totalMaxBytes: bytes('2Gi', 'Most bytes of events kept for all resources together.', {
    minimum: MEBIBYTE,
  }),
};

const freshness = {
  // kube-apiserver waits 3 s for its watch cache to become fresh before it gives up.
  barrierTimeout: duration(
    '3s',
    'Longest a consistent read waits for proof that memory is current before it is passed through.',
    { minimum: 10, maximum: 60_000 },
  ),
  waitForEvents: duration(
    '100ms',
    'How long a consistent read waits for events to carry the lane forward before it asks the apiserver for proof.',
    { minimum: 0, maximum: 10_000 },
  ),
  validateMaxObjects: integer(
    100_000,
    'A resting resource of at most this many objects is proven current by comparing a metadata list; a larger one by a short watch.',
    { minimum: 0, maximum: 1_000_000 },
  ),
};

const flush = {
  maxBytesPerWrite: bytes('64Ki', 'Most bytes given to one connection in one write.', {
    minimum: 4 * KIBIBYTE,
    maximum: 16 * MEBIBYTE,
  }),
  maxInterval: duration(
    '100ms',
    'Longest pause between two flushes; under light load there is none.',
    { minimum: 1, maximum: 10_000 },
  ),
  connectionsPerTurn: integer(200, 'Connections flushed before the event loop gets a turn.', {
    minimum: 1,
    maximum: 100_000,
  }),
};

const list = {
  maxConcurrent: integer(8, 'LISTs written at the same time; more wait their turn.', {
    minimum: 1,
    maximum: 1_024,
  }),
  chunkBytes: bytes('256Ki', 'Size of the pieces in which a LIST is written.', {
    minimum: 4 * KIBIBYTE,
    maximum: 16 * MEBIBYTE,
  }),
};

const compression = {
  // kube-apiserver's feature gate APIResponseCompression, on by default there too.
  gzip: boolean(
    true,
    'Whether LISTs and GETs of more than 128 KiB are compressed for clients that accept gzip, as the apiserver does.',
  ),
  // libuv has four threads: one stays free for name resolution and files.
  maxConcurrent: integer(
    3,
    'Pieces of answers compressed at the same time; more wait their turn.',
    {
      minimum: 1,
      maximum: 1_024,
    },
  ),
};

const features = {
  // The gate ShardedListAndWatch of kube-apiserver 1.36 (KEP-5866), off by default there.
  shardedListAndWatch: boolean(
    false,
    'Whether shardSelector=shardRange(…) is served from memory, also in front of an apiserver that does not know it. Otherwise such requests are passed through.',
  ),
  // The gate ManagedFieldsOptOut of later ones (KEP-5958), off by default there.
  managedFieldsOptOut: boolean(
    false,
    'Whether Accept: …;drop=metadata.managedFields is answered from memory, also in front of an apiserver that does not know it. Otherwise such requests are passed through.',
  ),
};

const http2 = {
  // kube-apiserver's default is 100; 1000 is what it uses itself behind a multiplexing proxy.
  maxConcurrentStreams: integer(1_000, 'Streams one client connection may have open.', {
    minimum: 1,
    maximum: 100_000,
  }),
};

const auth = {
  allowTtl: duration('10s', 'How long a permission that was granted is remembered.', {
    minimum: 0,
    maximum: 300_000,
  }),
  denyTtl: duration('10s', 'How long a refusal is remembered.', { minimum: 0, maximum: 300_000 }),
  maxDecisions: integer(65_536, 'Permissions remembered at the same time.', {
    minimum: 1,
    maximum: 10_000_000,
  }),
  tokenAudiences: strings(
    [],
    'Audiences of ServiceAccount tokens that are meant for the proxy alone: the apiserver is asked whose they are (TokenReview), and would not take them itself. Tokens of any other audience are passed on to it.',
    { form: AUDIENCE },
  ),
  nodeFastPath: boolean(
    false,
    'Whether what nodes read of themselves (their pods, Node, Lease and CSINode, by certificate) is allowed without asking, as the Node authorizer does; one question in a thousand is asked all the same, and a refusal switches this off.',
  ),
  recheckInterval: duration(
    '60s',
    'About how often the permission behind an open watch is checked again.',
    { minimum: 1_000, maximum: HOUR_MS },
  ),
  recheckPerSecond: integer(50, 'Most permission re-checks sent to the apiserver in a second.', {
    minimum: 1,
    maximum: 10_000,
  }),
};

const shutdown = {
  delay: duration(
    '0s',
    'After SIGTERM: how long the proxy is not ready but still accepts, so that load balancers let go.',
    { minimum: 0, maximum: HOUR_MS },
  ),
  grace: duration(
    '30s',
    'After that: the time over which open watches are ended and requests may finish.',
    { minimum: 0, maximum: HOUR_MS },
  ),
};

const scanner = {
  maxFrameBytes: bytes('16Mi', 'Longest single event accepted from the apiserver.', {
    minimum: 64 * KIBIBYTE,
    maximum: 1_024 * MEBIBYTE,
  }),
};

/** section -> field -> option; the order is the order of every output. */
export const options = Object.freeze({
  upstream,
  serving,
  admin,
  log,
  resources,
  lanes,
  window,
  freshness,
  flush,
  list,
  compression,
  features,
  http2,
  limits,
  auth,
  shutdown,
  scanner,
});

export type Sections = Readonly<Record<string, Readonly<Record<string, Option>>>>;

export const sectionDocs: Readonly<Record<keyof typeof options, string>> = Object.freeze({
  upstream: 'The cluster behind the proxy.',
  serving: 'Where clients connect.',
  admin: 'Where operators look.',
  log: 'What is written to standard error.',
  resources: 'Which resources are served from memory. Events and aggregated APIs never are.',
  lanes: 'A lane is one resource followed from the apiserver.',
  window: 'How much of the past is kept for watches that resume.',
  freshness: 'How a read without a resourceVersion is proven current.',
  flush: 'How pending events become writes.',
  list: 'How LISTs are written.',
  compression: 'Which answers are compressed.',
  features:
    'What is offered to clients beyond what the apiserver has turned on, named as its feature gates.',
  http2: 'Client connections that speak HTTP/2.',
  limits:
    'Bounds on what clients may ask for; watershed_limits_reached_total counts how often each was reached.',
  auth: 'How long answers of the apiserver about permissions are believed.',
  shutdown: 'How the proxy leaves.',
  scanner: 'What is accepted from the apiserver.',
});
