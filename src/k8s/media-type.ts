/**
 * Media type: in which form upstream would answer a request.
 *
 * Follows kube-apiserver's negotiation (goautoneg clause order, go-restful's earlier check for
 * built-ins, pretty printing by User-Agent). JSON, protobuf and PartialObjectMetadata in either are
 * told only when that is certain; for every other form (YAML, CBOR, Table, pretty, 406) there is no
 * answer and the request is passed through.
 */

interface Clause {
  readonly type: string;
  readonly subtype: string;
  readonly quality: number;
  readonly parameters: readonly string[];
  /** The parameters but q as they were written, spaces around them cut. */
  readonly texts: readonly string[];
}

/** Up to this length Go's sort is a plain insertion sort, whose result is known for any order. */
const MAX_CLAUSES = 12;
/**
 * Parameters with a meaning upstream; others (charset, ...) are ignored there. `drop` is one of those up to 1.36, and later
 * it has a meaning where the gate ManagedFieldsOptOut is on (KEP-5958): only upstream knows.
 */
const MEANINGFUL: ReadonlySet<string> = new Set([
  'as',
  'drop',
  'g',
  'v',
  'stream',
  'sv',
  'export',
  'pretty',
  'profile',
]);

/** The one value of `drop` that is known; upstream takes a clause with any other for one that cannot be had. */
const DROP_MANAGED_FIELDS = 'drop=metadata.managedFields';

/** How an answer is encoded, and whether only the metadata of objects is shown. */
export interface Representation {
  readonly encoding: 'json' | 'protobuf';
  readonly metadata: boolean;
  /** Objects are shown without metadata.managedFields. */
  readonly withoutManagedFields?: true;
}

export interface Negotiation {
  /** First header of that name; undefined when there is none. */
  readonly accept: string | undefined;
  readonly userAgent: string | undefined;
  /** A custom resource, which has no plain protobuf form and does not pass go-restful. */
  readonly custom: boolean;
  readonly verb: 'get' | 'list' | 'watch';
  /** `drop` has its meaning, whatever upstream makes of it. */
  readonly managedFieldsOptOut?: boolean;
}

/**
 * The form upstream would surely answer in: JSON or protobuf, whole objects or PartialObjectMetadata (of a list, its List).
 * Undefined for every other form and every doubt.
 */
export function representationOf(asked: Negotiation): Representation | undefined {
  const { accept, custom, verb } = asked;
  // A watch is never pretty, whoever asks.
  const userAgent = verb === 'watch' ? undefined : asked.userAgent;
  if (userAgent !== undefined && isPrettyAgent(userAgent)) return undefined;
  if (accept === undefined || accept === '') return WHOLE_JSON;
  if (!custom && !passesGoRestful(accept) && !namesProtobuf(accept)) return undefined;
  for (const clause of parseAccept(accept) ?? []) {
    const decision = decide(clause, asked);
    if (decision === 'json') return WHOLE_JSON;
    if (decision === 'other') return special(clause, asked);
  }
  return undefined;
}

const WHOLE_JSON: Representation = Object.freeze({ encoding: 'json', metadata: false });

/** A clause that is not plain JSON: protobuf, or the metadata form of either, or something without managedFields. */
function special(
  { type, subtype, texts }: Clause,
  { custom, verb, managedFieldsOptOut }: Negotiation,
): Representation | undefined {
  const encoding = ENCODINGS[`${type}/${subtype}`];
  if (encoding === undefined) return undefined;
  const drops = managedFieldsOptOut === true && texts.includes(DROP_MANAGED_FIELDS);
  const rest = drops ? texts.filter((text) => text !== DROP_MANAGED_FIELDS) : texts;
  const shown = drops ? { withoutManagedFields: true as const } : {};
  if (rest.length === 0) {
    return custom && encoding === 'protobuf' ? undefined : { encoding, metadata: false, ...shown };
  }
  const kind = verb === 'list' ? 'PartialObjectMetadataList' : 'PartialObjectMetadata';
  const wanted = [`as=${kind}`, 'g=meta.k8s.io', 'v=v1'];
  const asks = rest.length === wanted.length && wanted.every((text) => rest.includes(text));
  return asks ? { encoding, metadata: true, ...shown } : undefined;
}

const ENCODINGS: Readonly<Record<string, Representation['encoding'] | undefined>> = {
  'application/json': 'json',
  'application/vnd.kubernetes.protobuf': 'protobuf',
};

function namesProtobuf(accept: string): boolean {
  return accept
    .split(',')
    .some((part) => trimSpaces(part.split(';', 1)[0]) === 'application/vnd.kubernetes.protobuf');
}

/** Agents that upstream takes for people (`isPrettyPrint`). */
function isPrettyAgent(userAgent: string): boolean {
  return /^(?:curl|Wget|Mozilla\/5\.0)/.test(userAgent);
}

/** go-restful compares the bare types with what the route produces, before negotiation. */
function passesGoRestful(accept: string): boolean {
  return accept.split(',').some((part) => {
    const type = trimSpaces(part.split(';', 1)[0]);
    return type === '*/*' || type === 'application/json';
  });
}

function decide(
  clause: Clause,
  { custom, managedFieldsOptOut }: Negotiation,
): 'json' | 'other' | 'skip' {
  const { type, subtype, parameters } = clause;
  const takesJson =
    (type === '*' && subtype === '*') ||
    (type === 'application' && (subtype === '*' || subtype === 'json'));
  const meaningful = parameters.some((name) => MEANINGFUL.has(name));
  if (takesJson) return meaningful ? 'other' : 'json';
  if (type !== 'application') return 'skip';
  if (subtype === 'vnd.kubernetes.protobuf') {
    // A custom resource has no such form, whatever would be left out of it.
    const transforms = parameters.some((name) => name !== 'drop' && MEANINGFUL.has(name));
    const asks = managedFieldsOptOut === true ? transforms : meaningful;
    return custom && !asks ? 'skip' : 'other';
  }
  return subtype === 'yaml' || subtype === 'cbor' ? 'other' : 'skip';
}

/** goautoneg's ParseAccept; undefined for spellings whose outcome is not certain. */
function parseAccept(accept: string): readonly Clause[] | undefined {
  const clauses: Clause[] = [];
  for (const part of accept.split(',')) {
    const [range, ...rest] = trimSpaces(part).split(';');
    const types = range.split('/');
    if (types.length > 2) return undefined;
    const type = trimSpaces(types[0]);
    const named = types[1] ?? '';
    // A range without a subtype is dropped, except that `*` alone means everything.
    if (named === '' && type !== '*') continue;
    const subtype = named === '' ? '*' : trimSpaces(named);
    const parameters = parseParameters(rest);
    if (parameters === undefined) return undefined;
    clauses.push({ type, subtype, ...parameters });
  }
  return clauses.length > MAX_CLAUSES ? undefined : insertionSort(clauses);
}

function parseParameters(
  texts: readonly string[],
): Pick<Clause, 'quality' | 'parameters' | 'texts'> | undefined {
  let quality = 1;
  const parameters: string[] = [];
  const kept: string[] = [];
  for (const text of texts) {
    const equals = text.indexOf('=');
    const name = trimSpaces(equals === -1 ? text : text.slice(0, equals));
    if (name !== 'q') {
      parameters.push(name);
      kept.push(trimSpaces(text));
      continue;
    }
    const value = equals === -1 ? '' : text.slice(equals + 1);
    if (!/^(?:[01](?:\.[0-9]{0,9})?|\.[0-9]{1,9})$/.test(value)) return undefined;
    quality = Math.fround(Number(value));
  }
  return { quality, parameters, texts: kept };
}

/** goautoneg's `less`, which is no strict order; hence Go's own algorithm below. */
function precedes(left: Clause, right: Clause): boolean {
  return (
    left.quality > right.quality ||
    (left.type !== '*' && right.type === '*') ||
    (left.subtype !== '*' && right.subtype === '*')
  );
}

function insertionSort(clauses: Clause[]): readonly Clause[] {
  for (let i = 1; i < clauses.length; i++) {
    for (let j = i; j > 0 && precedes(clauses[j], clauses[j - 1]); j--) {
      [clauses[j - 1], clauses[j]] = [clauses[j], clauses[j - 1]];
    }
  }
  return clauses;
}

/** Only U+0020, as upstream's two parsers do; a tab stays and makes the type unknown. */
function trimSpaces(text: string): string {
  return text.replace(/^ +/, '').replace(/ +$/, '');
}
