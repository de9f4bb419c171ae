/**
 * List options: the query of a LIST, WATCH or GET, understood exactly or not at all.
 *
 * Follows apimachinery's ListOptions decoding, defaulting and validation. Everything that upstream
 * refuses, and everything that is not certain to mean the same there (unknown or repeated parameters,
 * odd encodings, signs, numbers a double cannot hold), is `unsupported`: the request is passed through
 * and upstream answers it. So no error text is ever built from a query here.
 */
import { decodeContinueToken, type ContinueToken } from './continue-token.ts';
import { parseFieldSelector, type FieldSelector } from './field-selector.ts';
import { parseLabelSelector, type LabelSelector } from './label-selector.ts';
import { parseQuery, type Query } from './query.ts';
import { parseRevision, type Revision } from './revision.ts';
import { parseShardSelector, type ShardSelector } from './shard-selector.ts';

export interface ListOptions {
  readonly watch: boolean;
  /** undefined: not given; 0: "any". */
  readonly resourceVersion: Revision | undefined;
  readonly match: '' | 'Exact' | 'NotOlderThan';
  /** 0: none. Always 0 for a watch, where upstream ignores it. */
  readonly limit: number;
  readonly continueToken: ContinueToken | undefined;
  readonly labels: LabelSelector;
  readonly fields: FieldSelector;
  /** Decoded parameter texts, `''` when absent: what an access review must be given. */
  readonly rawLabelSelector: string;
  readonly rawFieldSelector: string;
  readonly shards?: ShardSelector | undefined;
  /** undefined: the server's default. At most 2,147,483 s. */
  readonly timeoutSeconds: number | undefined;
  readonly allowWatchBookmarks: boolean;
  readonly sendInitialEvents: boolean | undefined;
}

export interface GetOptions {
  /** undefined: not given, the newest state; 0: any; N: not older than N. */
  readonly resourceVersion: Revision | undefined;
}

/** `reason` is a constant text, fit for a metric label. */
export interface Unsupported {
  readonly kind: 'unsupported';
  readonly reason: string;
}

export type ParsedListOptions =
  { readonly kind: 'options'; readonly options: ListOptions } | Unsupported;
export type ParsedGetOptions =
  { readonly kind: 'options'; readonly options: GetOptions } | Unsupported;

/** `pretty` is known upstream but changes answers: passed through. */
const LIST_PARAMETERS: ReadonlySet<string> = new Set([
  'watch',
  'resourceVersion',
  'resourceVersionMatch',
  'limit',
  'continue',
  'labelSelector',
  'fieldSelector',
  'timeoutSeconds',
  'allowWatchBookmarks',
  'sendInitialEvents',
  'timeout',
]);
const SHARDED_LIST_PARAMETERS: ReadonlySet<string> = new Set([...LIST_PARAMETERS, 'shardSelector']);
const GET_PARAMETERS: ReadonlySet<string> = new Set(['resourceVersion', 'timeout']);

/** Durations as client-go prints them (`7m13s`); upstream refuses others with texts of its own. */
const DURATION = /^(?=.)(?:\d{1,6}h)?(?:\d{1,6}m)?(?:\d{1,6}(?:\.\d{1,9})?s)?$/;

/** A timer holds 2^31-1 ms (24 days); a longer watch is left to upstream. */
const MAX_TIMEOUT_SECONDS = 2_147_483;

/**
 * Parses the raw query of a collection (without `?`). Never throws. `isSharded`: shard selectors are served; otherwise it
 * depends on upstream's gate whether they are obeyed or ignored.
 */
export function parseListOptions(query: string, isSharded = false): ParsedListOptions {
  const parameters = parseQuery(query, isSharded ? SHARDED_LIST_PARAMETERS : LIST_PARAMETERS);
  if (parameters === undefined) return unsupported('query');
  const values = parseValues(parameters);
  if (values.kind === 'unsupported') return values;
  const options = values.options.watch ? watchOptions(values.options) : values.options;
  if (!options.watch && !acceptsTimeout(parameters)) return unsupported('timeout');
  const reason = refusal(options);
  return reason === undefined ? { kind: 'options', options } : unsupported(reason);
}

/** Parses the raw query of a single object. Never throws. */
export function parseGetOptions(query: string): ParsedGetOptions {
  const parameters = parseQuery(query, GET_PARAMETERS);
  if (parameters === undefined) return unsupported('query');
  const revision = revisionOf(parameters);
  if (revision === INVALID) return unsupported('resourceVersion');
  if (!acceptsTimeout(parameters)) return unsupported('timeout');
  return { kind: 'options', options: { resourceVersion: revision } };
}

/**
 * `timeout` is how long the caller will wait for an answer, which is never long here. client-go's typed clients send it
 * with every watch too, where upstream does not even read it (WithRequestDeadline exempts long-running requests).
 */
function acceptsTimeout(parameters: Query): boolean {
  const timeout = parameters.get('timeout') ?? '';
  return timeout === '' || DURATION.test(timeout);
}

/** Every parameter by itself; combinations are judged afterwards. */
function parseValues(parameters: Query): ParsedListOptions {
  const rawLabelSelector = parameters.get('labelSelector') ?? '';
  const rawFieldSelector = parameters.get('fieldSelector') ?? '';
  const rawContinue = parameters.get('continue') ?? '';
  const rawShards = parameters.get('shardSelector') ?? '';
  const match = parameters.get('resourceVersionMatch') ?? '';
  const resourceVersion = revisionOf(parameters);
  const labels = parseLabelSelector(rawLabelSelector);
  const fields = parseFieldSelector(rawFieldSelector);
  const shards = rawShards === '' ? undefined : parseShardSelector(rawShards);
  const continueToken = rawContinue === '' ? undefined : decodeContinueToken(rawContinue);
  const limit = countOf(parameters, 'limit', Number.MAX_SAFE_INTEGER);
  const timeoutSeconds = countOf(parameters, 'timeoutSeconds', MAX_TIMEOUT_SECONDS);
  const watch = booleanOf(parameters, 'watch');
  const allowWatchBookmarks = booleanOf(parameters, 'allowWatchBookmarks');
  const sendInitialEvents = booleanOf(parameters, 'sendInitialEvents');

  if (labels === undefined) return unsupported('labelSelector');
  if (fields === undefined) return unsupported('fieldSelector');
  if (rawShards !== '' && shards === undefined) return unsupported('shardSelector');
  if (resourceVersion === INVALID) return unsupported('resourceVersion');
  if (match !== '' && match !== 'Exact' && match !== 'NotOlderThan') {
    return unsupported('resourceVersionMatch');
  }
  if (rawContinue !== '' && continueToken === undefined) return unsupported('continue');
  if (limit === INVALID) return unsupported('limit');
  if (timeoutSeconds === INVALID) return unsupported('timeoutSeconds');
  if (watch === INVALID || allowWatchBookmarks === INVALID || sendInitialEvents === INVALID) {
    return unsupported('boolean');
  }
  return {
    kind: 'options',
    options: {
      watch: watch ?? false,
      resourceVersion,
      match,
      limit: limit ?? 0,
      continueToken,
      labels,
      fields,
      rawLabelSelector,
      rawFieldSelector,
      shards,
      timeoutSeconds: timeoutSeconds === 0 ? undefined : timeoutSeconds,
      allowWatchBookmarks: allowWatchBookmarks ?? false,
      sendInitialEvents,
    },
  };
}

/** SetListOptionsDefaults: a watch from "" or "0" is a streaming list (WatchList gate on). */
function watchOptions(options: ListOptions): ListOptions {
  const watch = { ...options, limit: 0 };
  if (options.sendInitialEvents !== undefined || options.match !== '') return watch;
  if (options.resourceVersion !== undefined && options.resourceVersion !== 0) return watch;
  return { ...watch, sendInitialEvents: true, match: 'NotOlderThan' };
}

/** Why upstream refuses the combination with 400 or 422, or undefined. */
function refusal(options: ListOptions): string | undefined {
  const { match, resourceVersion, continueToken, sendInitialEvents } = options;
  if (options.watch) {
    // Upstream ignores a continue token here unless the defaulting above makes it an error.
    if (continueToken !== undefined) return 'continue of a watch';
    if (sendInitialEvents === undefined && match !== '') return 'resourceVersionMatch of a watch';
    if (sendInitialEvents !== undefined && match !== 'NotOlderThan') return 'sendInitialEvents';
    return undefined;
  }
  if (sendInitialEvents !== undefined) return 'sendInitialEvents of a list';
  if (match !== '' && resourceVersion === undefined) return 'resourceVersionMatch alone';
  if (match !== '' && continueToken !== undefined) return 'resourceVersionMatch with continue';
  if (match === 'Exact' && resourceVersion === 0) return 'exact 0';
  if (continueToken !== undefined && resourceVersion !== undefined && resourceVersion !== 0) {
    return 'resourceVersion with continue';
  }
  return undefined;
}

/** Marks a value that upstream refuses or that is not certain to mean the same there. */
const INVALID = Symbol('invalid');

function revisionOf(parameters: Query): Revision | undefined | typeof INVALID {
  const text = parameters.get('resourceVersion') ?? '';
  return text === '' ? undefined : (parseRevision(text) ?? INVALID);
}

/** Absent is undefined; `0` and `false` in any case are false; all else, even nothing, is true. */
function booleanOf(parameters: Query, name: string): boolean | undefined | typeof INVALID {
  const text = parameters.get(name);
  if (text === undefined) return undefined;
  // Go's EqualFold knows more than one spelling of an s; only ASCII is certain.
  if (!/^[\x20-\x7e]*$/.test(text)) return INVALID;
  return text !== '0' && text.toLowerCase() !== 'false';
}

/** Plain digits. Upstream also reads signs: a rare spelling that is left to it. */
function countOf(
  parameters: Query,
  name: string,
  most: number,
): number | undefined | typeof INVALID {
  const text = parameters.get(name);
  if (text === undefined) return undefined;
  if (!/^[0-9]{1,16}$/.test(text)) return INVALID;
  const count = Number(text);
  return count <= most ? count : INVALID;
}

function unsupported(reason: string): Unsupported {
  return { kind: 'unsupported', reason };
}
