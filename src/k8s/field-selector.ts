/**
 * Field selector: the parsed form of the `fieldSelector` parameter.
 *
 * A port of apimachinery's `fields.ParseSelector` (pkg/fields/selector.go). Whatever that function
 * refuses gives `undefined` here, and the request is passed through. Which fields a resource accepts
 * is another question (selectable-fields.ts).
 */

/** One comparison. `==` is spelled `=`. */
export interface FieldTerm {
  readonly field: string;
  readonly operator: '=' | '!=';
  readonly value: string;
}

/** All terms must hold. `canonical` is the same text for the same set of terms: a cache key. */
export interface FieldSelector {
  readonly terms: readonly FieldTerm[];
  readonly canonical: string;
}
