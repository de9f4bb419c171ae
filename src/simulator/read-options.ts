/**
 * ReadOptions: the query of a LIST or WATCH as kube-apiserver v1.36 reads it.
 *
 * Unlike k8s/list-options.ts, which passes on what it does not know, this one has to answer: it
 * throws the Status upstream would send. Rules: semantics 1.3, 3.1, 3.6, 4.1, 4.2.
 */
import { decodeContinueToken } from '../k8s/continue-token.ts';
import type { ContinueToken } from '../k8s/continue-token.ts';
import { badRequestError, invalidListOptions, invalidRevision } from './errors.ts';

export interface ReadOptions {
  readonly watch: boolean;
  /** undefined when unset. */
  readonly revision: number | undefined;
  readonly match: '' | 'Exact' | 'NotOlderThan';
  /** 0: no limit. */
  readonly limit: number;
  readonly token: ContinueToken | undefined;
  readonly labelSelector: string;
  readonly fieldSelector: string;
  readonly timeoutSeconds: number;
  readonly bookmarks: boolean;
  readonly sendInitialEvents: boolean | undefined;
}

export function parseReadOptions(query: URLSearchParams): ReadOptions {
  const watch = truth(query.get('watch')) ?? false;
  const limit = integer(query.get('limit'));
  const timeoutSeconds = integer(query.get('timeoutSeconds'));
  const revisionText = query.get('resourceVersion') ?? '';
  let match = query.get('resourceVersionMatch') ?? '';
  let sendInitialEvents = truth(query.get('sendInitialEvents'));
  if (watch && sendInitialEvents === undefined && match === '' && isAny(revisionText)) {
    sendInitialEvents = true;
    match = 'NotOlderThan';
  }
  const tokenText = query.get('continue') ?? '';
  const checked = { revisionText, match, tokenText, sendInitialEvents };
  if (watch) checkWatch(checked);
  else checkList(checked);
  return {
    watch,
    revision: parseRevisionText(revisionText, watch ? 'watch' : 'list'),
    match: match as ReadOptions['match'],
    limit: Math.max(0, limit),
    token: watch ? undefined : parseToken(tokenText, revisionText),
    labelSelector: query.get('labelSelector') ?? '',
    fieldSelector: query.get('fieldSelector') ?? '',
    timeoutSeconds: Math.max(0, timeoutSeconds),
    bookmarks: truth(query.get('allowWatchBookmarks')) ?? false,
    sendInitialEvents,
  };
}

/** undefined for an unset one. */
export function parseRevisionText(
  text: string,
  verb: 'list' | 'watch' | 'get',
): number | undefined {
  if (text === '') return undefined;
  if (!/^[0-9]+$/.test(text)) throw invalidRevision(text, verb);
  return Number(text);
}

/** Absent: undefined; `0` and `false` in any case are false; everything else is true. */
export function truth(text: string | null): boolean | undefined {
  if (text === null) return undefined;
  return text !== '0' && text.toLowerCase() !== 'false';
}

function integer(text: string | null): number {
  if (text === null || text === '') return 0;
  if (/^[+-]?[0-9]+$/.test(text)) return Number(text);
  throw badRequestError(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
}

function isAny(revisionText: string): boolean {
  return revisionText === '' || revisionText === '0';
}

interface Checked {
  readonly revisionText: string;
  readonly match: string;
  readonly tokenText: string;
  readonly sendInitialEvents: boolean | undefined;
}

function forbidden(field: string, why: string) {
  return { reason: 'FieldValueForbidden', message: `Forbidden: ${why}`, field };
}

function unsupported(match: string, supported: string) {
  const message = `Unsupported value: ${JSON.stringify(match)}: supported values: ${supported}`;
  return { reason: 'FieldValueNotSupported', message, field: 'resourceVersionMatch' };
}

function checkList({ revisionText, match, tokenText, sendInitialEvents }: Checked): void {
  const field = 'resourceVersionMatch';
  const causes = [];
  if (match !== '') {
    if (revisionText === '') {
      causes.push(forbidden(field, `${field} is forbidden unless resourceVersion is provided`));
    }
    if (tokenText !== '') {
      causes.push(forbidden(field, `${field} is forbidden when continue is provided`));
    }
    if (match !== 'Exact' && match !== 'NotOlderThan') {
      causes.push(unsupported(match, '"Exact", "NotOlderThan", ""'));
    }
    if (match === 'Exact' && revisionText === '0') {
      causes.push(forbidden(field, `${field} "exact" is forbidden for resourceVersion "0"`));
    }
  }
  if (sendInitialEvents !== undefined) {
    causes.push(forbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list'));
  }
  if (causes.length > 0) throw invalidListOptions(causes);
}

function checkWatch({ match, tokenText, sendInitialEvents }: Checked): void {
  const field = 'resourceVersionMatch';
  const causes = [];
  if (sendInitialEvents !== undefined && match !== 'NotOlderThan') {
    causes.push(forbidden(field, `sendInitialEvents requires setting ${field} to NotOlderThan`));
  }
  if (match !== '') {
    if (sendInitialEvents === undefined) {
      const why = `${field} is forbidden for watch unless sendInitialEvents is provided`;
      causes.push(forbidden(field, why));
    }
    if (match !== 'NotOlderThan') causes.push(unsupported(match, '"NotOlderThan"'));
    if (tokenText !== '') {
      causes.push(forbidden(field, `${field} is forbidden when continue is provided`));
    }
  }
  if (causes.length > 0) throw invalidListOptions(causes);
}

function parseToken(text: string, revisionText: string): ContinueToken | undefined {
  if (text === '') return undefined;
  const token = decodeContinueToken(text);
  if (token === undefined) {
    throw badRequestError('invalid continue token: continue key is not valid');
  }
  if (!isAny(revisionText)) {
    throw badRequestError('specifying resource version is not allowed when using continue');
  }
  return token;
}
