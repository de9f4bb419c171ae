/**
 * Label selector: the parsed form of the `labelSelector` parameter.
 *
 * A port of the lexer and parser of apimachinery's `labels.Parse` (pkg/labels/selector.go) with its
 * validation of keys and values. Whatever upstream refuses gives `undefined`, and the request is
 * passed through. Operators are normalized: `=`, `==` are `in` with one value, `!=` is `notin`.
 */

/**
 * One condition on one key. `values` is sorted and free of duplicates; empty for `exists` and
 * `absent`, one decimal for `gt` and `lt`. `notin` and `absent` also hold without the key.
 */
export interface LabelRequirement {
  readonly key: string;
  readonly operator: 'in' | 'notin' | 'exists' | 'absent' | 'gt' | 'lt';
  readonly values: readonly string[];
}

/** All requirements must hold. `canonical` is equal for equal selectors, `''` for everything. */
export interface LabelSelector {
  readonly requirements: readonly LabelRequirement[];
  readonly canonical: string;
}

/** The selector that selects everything. */
export const EVERYTHING: LabelSelector = Object.freeze({
  requirements: Object.freeze([]),
  canonical: '',
});

/** Parses decoded parameter text (no percent-encoding left); undefined where upstream answers 400. */
export function parseLabelSelector(text: string): LabelSelector | undefined {
  if (text === '') return EVERYTHING;
  // Keys and values are ASCII, so any other character is an error somewhere. A NUL would end
  // upstream's lexer early; it is left to upstream.
  if (!/^[\t\n\r\x20-\x7e]*$/.test(text)) return undefined;
  const requirements = new Parser(text).parse();
  if (requirements === undefined) return undefined;
  if (requirements.length === 0) return EVERYTHING;
  const unique = new Map(requirements.map((entry) => [requirementText(entry), entry]));
  const texts = [...unique.keys()].sort();
  return {
    requirements: texts.map((entry) => unique.get(entry) as LabelRequirement),
    canonical: texts.join(','),
  };
}

const BINARY_OPERATORS: Readonly<Record<string, LabelRequirement['operator']>> = {
  '=': 'in',
  '==': 'in',
  '!=': 'notin',
  in: 'in',
  notin: 'notin',
  '>': 'gt',
  '<': 'lt',
};

const TOKEN = /[ \t\r\n]*(==|!=|[=!(),<>]|[^=!(),<> \t\r\n]+|$)/y;
const SYMBOL = /^[=!(),<>]/;

/** Recursive descent over tokens; the end of the text is the token `''`. */
class Parser {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(text: string) {
    this.#tokens = tokenize(text);
  }

  parse(): LabelRequirement[] | undefined {
    const requirements: LabelRequirement[] = [];
    if (this.#peek() === '') return requirements;
    for (;;) {
      const requirement = this.#requirement();
      if (requirement === undefined) return undefined;
      requirements.push(requirement);
      const separator = this.#next();
      if (separator === '') return requirements;
      if (separator !== ',') return undefined;
    }
  }

  #peek(): string {
    return this.#tokens[this.#at];
  }

  #next(): string {
    return this.#tokens[this.#at++] ?? '';
  }

  #requirement(): LabelRequirement | undefined {
    const negated = this.#peek() === '!';
    if (negated) this.#at++;
    const key = this.#next();
    if (!isIdentifier(key) || !isLabelKey(key)) return undefined;
    if (negated) return { key, operator: 'absent', values: [] };
    const following = this.#peek();
    if (following === '' || following === ',') return { key, operator: 'exists', values: [] };
    return this.#comparison(key);
  }

  #comparison(key: string): LabelRequirement | undefined {
    const token = this.#next();
    if (!Object.hasOwn(BINARY_OPERATORS, token)) return undefined;
    const operator = BINARY_OPERATORS[token];
    const values = token === 'in' || token === 'notin' ? this.#set() : this.#single();
    if (values === undefined || !values.every(isLabelValue)) return undefined;
    if ((operator === 'gt' || operator === 'lt') && !isInt64(values[0])) return undefined;
    return { key, operator, values: [...new Set(values)].sort() };
  }

  /** `= <end>` and `= ,` compare with the empty value. */
  #single(): string[] | undefined {
    const following = this.#peek();
    if (following === '' || following === ',') return [''];
    const value = this.#next();
    return isIdentifier(value) ? [value] : undefined;
  }

  /** `()` is the set of the empty value, and so is every empty member. */
  #set(): string[] | undefined {
    if (this.#next() !== '(') return undefined;
    const values: string[] = [];
    for (;;) {
      values.push(isIdentifier(this.#peek()) ? this.#next() : '');
      const separator = this.#next();
      if (separator === ')') return values;
      if (separator !== ',') return undefined;
    }
  }
}

/** Symbols, keywords and identifiers; keywords are told apart by position only. */
function tokenize(text: string): string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  for (;;) {
    const token = (TOKEN.exec(text) as RegExpExecArray)[1];
    tokens.push(token);
    if (token === '') return tokens;
  }
}

function isIdentifier(token: string): boolean {
  return token !== '' && !SYMBOL.test(token);
}

const LABEL_NAME = /^(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const DNS_LABEL = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/;
/** Limits of apimachinery's `content.IsLabelKey` and `IsLabelValue`. */
const MAX_NAME_LENGTH = 63;
const MAX_PREFIX_LENGTH = 253;

function isLabelKey(key: string): boolean {
  const slash = key.indexOf('/');
  const name = key.slice(slash + 1);
  if (name.length > MAX_NAME_LENGTH || !LABEL_NAME.test(name)) return false;
  if (slash === -1) return true;
  const prefix = key.slice(0, slash);
  return (
    prefix.length <= MAX_PREFIX_LENGTH && prefix.split('.').every((label) => DNS_LABEL.test(label))
  );
}

function isLabelValue(value: string): boolean {
  return value === '' || (value.length <= MAX_NAME_LENGTH && LABEL_NAME.test(value));
}

/** Go `strconv.ParseInt(text, 10, 64)`; a sign cannot occur, it is no label value. */
function isInt64(text: string): boolean {
  return /^[0-9]+$/.test(text) && BigInt(text) <= 0x7fff_ffff_ffff_ffffn;
}

function requirementText({ key, operator, values }: LabelRequirement): string {
  switch (operator) {
    case 'exists':
      return key;
    case 'absent':
      return `!${key}`;
    case 'gt':
      return `${key}>${values[0]}`;
    case 'lt':
      return `${key}<${values[0]}`;
    default:
      return `${key} ${operator} (${values.join(',')})`;
  }
}
