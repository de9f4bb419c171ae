/**
 * Which watches cost something for every event of their scope: those whose selector must be matched with each of them. One
 * that asks for a name or for a value that is indexed is found by lookup (`cache/interest-table.ts`), and is not counted: a
 * kubelet watches each Secret and ConfigMap of its pods by name, a thousand of them on a full node.
 */
import type { Lane } from '../cache/lane.ts';
import { requiredValue } from '../k8s/field-selector.ts';
import type { ListOptions } from '../k8s/list-options.ts';

/** Names the filter group of a watch; undefined when it costs nothing to have one more. */
export function costlyGroup(
  lane: Lane,
  namespace: string,
  { labels, fields, shards }: Pick<ListOptions, 'labels' | 'fields' | 'shards'>,
): string | undefined {
  const selectors = [labels.canonical, fields.canonical, shards?.canonical ?? ''];
  if (selectors.every((text) => text === '')) return undefined;
  if (requiredValue(fields, 'metadata.name') !== undefined) return undefined;
  const isFiled = lane.fields.some(
    ({ name, indexed }) => indexed && requiredValue(fields, name) !== undefined,
  );
  return isFiled ? undefined : JSON.stringify([lane.id, namespace, ...selectors]);
}
