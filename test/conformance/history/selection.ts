// Which objects a request asks for: its scope and selectors as a predicate and as a query. The predicate
// is written by hand for the few selectors drawn here; grammars are tested elsewhere.

/** What a predicate may look at. */
export interface Selectable {
  readonly namespace: string;
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly fields: ReadonlyMap<string, string>;
}

export interface Term {
  readonly text: string;
  readonly matches: (object: Selectable) => boolean;
}

export interface Selection {
  /** Empty: all. */
  readonly namespace: string;
  readonly labels: Term | undefined;
  readonly fields: Term | undefined;
}

export const everything: Selection = { namespace: '', labels: undefined, fields: undefined };

export function selects(selection: Selection, object: Selectable): boolean {
  if (selection.namespace !== '' && object.namespace !== selection.namespace) return false;
  if (selection.labels?.matches(object) === false) return false;
  return selection.fields?.matches(object) !== false;
}

/** Over the labels `color` and `size` of the writers. */
export const labelTerms: readonly Term[] = [
  label('color=red', 'color', (value) => value === 'red'),
  label('color!=blue', 'color', (value) => value !== 'blue'),
  label('color in (red,green)', 'color', (value) => value === 'red' || value === 'green'),
  label('color notin (green)', 'color', (value) => value !== 'green'),
  label('size', 'size', (value) => value !== undefined),
  label('!size', 'size', (value) => value === undefined),
  label('size>4', 'size', (value) => value !== undefined && Number(value) > 4),
  label('nobody=has-this', 'nobody', (value) => value !== undefined),
];

export function fieldTerm(field: string, value: string, equal = true): Term {
  return {
    text: `${field}${equal ? '=' : '!='}${value}`,
    matches: (object) => (fieldOf(object, field) === value) === equal,
  };
}

function label(text: string, key: string, test: (value: string | undefined) => boolean): Term {
  return { text, matches: ({ labels }) => test(labels.get(key)) };
}

function fieldOf(object: Selectable, field: string): string {
  if (field === 'metadata.name') return object.name;
  if (field === 'metadata.namespace') return object.namespace;
  return object.fields.get(field) ?? '';
}
