// Objects shown together against the state they should be.

import type { Form, SeenObject } from './records.ts';
import type { Truth, Version } from './truth.ts';

/** What is wrong with them; undefined when nothing is. Both are in the order of their keys. */
export function sameState(
  truth: Truth,
  form: Form,
  state: readonly Version[],
  shown: readonly SeenObject[],
): string | undefined {
  for (let i = 0; i < Math.max(state.length, shown.length); i++) {
    const version = state[i] as Version | undefined;
    const object = shown[i] as SeenObject | undefined;
    if (version === undefined) return `${nameOf(object)} should not be there`;
    if (object === undefined || object.key > version.key) return `${nameOf(version)} is missing`;
    if (object.key < version.key) return `${nameOf(object)} should not be there`;
    if (object.revision !== version.revision) {
      return `${nameOf(object)} instead of ${version.revision}`;
    }
    const showing = { fingerprint: object.fingerprint, by: `a list: ${nameOf(object)}`, own: true };
    if (object.uid !== version.uid || !truth.agrees(version, form, showing)) {
      return `${nameOf(object)} has another content`;
    }
  }
  return undefined;
}

function nameOf(object: { readonly key: string; readonly revision: number } | undefined): string {
  return `${object?.key} at ${object?.revision}`;
}
