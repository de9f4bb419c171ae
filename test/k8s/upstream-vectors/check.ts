/**
 * One vector against our code: what upstream said must be what we say, or we must decline.
 *
 * Read by vectors.test.ts (the committed vectors) and by generate.ts (fresh random ones).
 */
import { decodeContinueToken, encodeContinueToken } from '../../../src/k8s/continue-token.ts';
import { parseFieldSelector } from '../../../src/k8s/field-selector.ts';
import { goJson, goQuote } from '../../../src/k8s/go-text.ts';
import { LabelMatcher } from '../../../src/k8s/label-matcher.ts';
import { parseLabelSelector } from '../../../src/k8s/label-selector.ts';
import { parseListOptions, type ListOptions } from '../../../src/k8s/list-options.ts';
import { plainJson } from '../plain-json.ts';
import { parseRequestTarget } from '../../../src/k8s/request-target.ts';
import * as status from '../../../src/k8s/status.ts';

export interface Vector {
  readonly kind: string;
  readonly input: string;
  /** Label sets as JSON text. */
  readonly labels?: readonly string[];
  readonly agent?: string;
  readonly custom?: boolean;
  readonly want: unknown;
}

/** One vector per line, as main.go writes them. */
export function readVectors(lines: string): Vector[] {
  return lines
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Vector);
}

/** `declined`: we leave it to upstream, which is always allowed; undefined: ours is the same. */
export type Outcome = { readonly ours: unknown; readonly want: unknown } | 'declined' | undefined;

export function checkVector(vector: Vector): Outcome {
  const check = CHECKS[vector.kind];
  if (check === undefined) throw new Error(`unknown vector kind ${vector.kind}`);
  return check(vector);
}

function compare(ours: unknown, want: unknown): Outcome {
  return JSON.stringify(sorted(ours)) === JSON.stringify(sorted(want)) ? undefined : { ours, want };
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

const CHECKS: Readonly<Record<string, (vector: Vector) => Outcome>> = {
  labels(vector) {
    const selector = parseLabelSelector(vector.input);
    if (selector === undefined) return vector.want === null ? undefined : 'declined';
    const matcher = new LabelMatcher(selector);
    const matches = vector.labels?.map((text) => {
      const bytes = Buffer.from(`,${text},`);
      return matcher.matches(bytes, 1, bytes.length - 1);
    });
    return compare(matches ?? [], vector.want);
  },
  fields(vector) {
    const selector = parseFieldSelector(vector.input);
    if (selector === undefined) return vector.want === null ? undefined : 'declined';
    const terms = selector.terms.map((term) => [term.field, term.operator, term.value]);
    return compare(terms, vector.want);
  },
  list(vector) {
    const parsed = parseListOptions(vector.input);
    if (parsed.kind === 'unsupported') return vector.want === null ? undefined : 'declined';
    return compare(ourOptions(parsed.options), wantedOptions(vector.want as Wanted | null));
  },
  path(vector) {
    const target = parseRequestTarget(vector.input);
    if (target.kind === 'other') return 'declined';
    const { resource, verb, group, version, plural, namespace, name, subresource, query, path } =
      vector.want as Record<string, unknown>;
    const ours = { ...target, name: target.kind === 'object' ? target.name : '' };
    const kind = verb === 'get' ? 'object' : 'collection';
    return compare(
      { ...ours, resource: true, subresource: '', path: vector.input.split('?', 1)[0] },
      { kind, resource, group, version, plural, namespace, name, subresource, query, path },
    );
  },
  accept(vector) {
    const ours = plainJson(vector.input, vector.agent, vector.custom);
    return ours === 'other' ? 'declined' : compare(ours, vector.want);
  },
  continue(vector) {
    const token = decodeContinueToken(vector.input);
    return token === undefined ? 'declined' : compare(token, vector.want);
  },
  'encode-continue': (vector) => compare(encodeContinueToken(123, vector.input), vector.want),
  json: (vector) => compare(goJson(vector.input), vector.want),
  quote: (vector) => compare(goQuote(vector.input), vector.want),
  status(vector) {
    const { code, body } = STATUSES[vector.input]();
    return compare({ code, body: body.toString() }, vector.want);
  },
};

interface Wanted {
  readonly watch: boolean;
  readonly resourceVersion: string;
  readonly match: string;
  readonly limit: number;
  readonly continue: string;
  readonly allowWatchBookmarks: boolean;
  readonly labels: string;
  readonly fields: string;
  readonly sendInitialEvents: boolean | null;
  readonly timeoutSeconds: number | null;
}

function ourOptions(options: ListOptions): unknown {
  return {
    ...options,
    resourceVersion: options.resourceVersion ?? null,
    continueToken: options.continueToken ?? null,
    sendInitialEvents: options.sendInitialEvents ?? null,
    timeoutSeconds: options.timeoutSeconds ?? 0,
    labels: options.labels.canonical,
    fields: options.fields.canonical,
    rawLabelSelector: '',
    rawFieldSelector: '',
  };
}

/** Upstream's answer in our words; its selectors are compared after a round through our parser. */
function wantedOptions(want: Wanted | null): unknown {
  if (want === null) return null;
  return {
    watch: want.watch,
    resourceVersion: want.resourceVersion === '' ? null : Number(want.resourceVersion),
    match: want.match,
    limit: want.watch ? 0 : want.limit,
    continueToken: want.continue === '' ? null : decodeContinueToken(want.continue),
    labels: parseLabelSelector(want.labels)?.canonical,
    fields: parseFieldSelector(want.fields)?.canonical,
    rawLabelSelector: '',
    rawFieldSelector: '',
    timeoutSeconds: want.timeoutSeconds ?? 0,
    allowWatchBookmarks: want.allowWatchBookmarks,
    sendInitialEvents: want.sendInitialEvents,
  };
}

const pods = { group: '', plural: 'pods' };
const deployments = { group: 'apps', plural: 'deployments' };
const user = 'o\'<b>&"é\u200b';

/** The builders that main.go's statusAnswer has a counterpart for. */
export const STATUSES: Readonly<Record<string, () => status.StatusResponse>> = {
  expired: () => status.expiredWatch(1, 5),
  'notFound pods x': () => status.notFound(pods, 'x'),
  'notFound deployments.apps x': () => status.notFound(deployments, 'x'),
  tooLarge: () => status.tooLargeResourceVersion(1000, 900),
  timeout: () => status.timeout('slow <&>'),
  tooManyRequests: () => status.tooManyRequests('storage is (re)initializing', 7),
  serviceUnavailable: () => status.serviceUnavailable('gone'),
  internalError: () => status.internalError('it "broke"\n\u2028'),
  badRequest: () => status.badRequest('no <such> & thing'),
  unauthorized: () => status.unauthorized(),
  requestEntityTooLarge: () => status.requestEntityTooLarge('limit is 3145728'),
  forbidden: () => status.forbidden({ user, verb: 'list', resource: pods }),
  'forbidden named': () =>
    status.forbidden({
      user,
      verb: 'list',
      resource: deployments,
      namespace: 'a',
      name: 'x',
      reason: 'no <reason>',
    }),
};
