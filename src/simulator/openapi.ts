/**
 * OpenAPI: just enough of the v3 documents for kubectl.
 *
 * kubectl looks here whether PATCH takes `fieldValidation`; finding it, `apply` and `create` leave
 * validation to the server. Schemas say only that everything is an object, which `kubectl explain`
 * can print and nothing else needs.
 */
import { apiVersion, collectionPath } from '../k8s/resource.ts';
import { groupVersions } from './discovery.ts';
import type { Kind } from './kinds.ts';
import { goText } from './object.ts';
import type { Store } from './store.ts';

/** The document at a path below /openapi as JSON, or undefined when there is none. */
export function openapiDocument(path: string, store: Store): string | undefined {
  const root = path.replace(/^\/openapi\/v3\/?/, '');
  const groups = groupVersions(store);
  if (root === '') {
    const paths = [...groups.keys()].map((groupVersion) => {
      const key = groupVersion === 'v1' ? 'api/v1' : `apis/${groupVersion}`;
      return [key, { serverRelativeURL: `/openapi/v3/${key}?hash=${store.revisions.current}` }];
    });
    return goText({ paths: Object.fromEntries(paths) });
  }
  const kinds = groups.get(root.replace(/^apis?\//, ''));
  if (kinds === undefined) return undefined;
  return goText({
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: '1.36' },
    paths: Object.assign({}, ...kinds.map(pathsOf)),
    components: { schemas: Object.assign({}, ...kinds.map(schemaOf)) },
  });
}

function identity({ group, version, kind }: Kind) {
  return { group, version, kind };
}

function pathsOf(kind: Kind) {
  const scope = kind.namespaced ? '{namespace}' : '';
  const parameters = ['dryRun', 'fieldManager', 'fieldValidation'].map((name) => {
    return { name, in: 'query', schema: { type: 'string', uniqueItems: true } };
  });
  const operation = (action: string) => ({
    parameters,
    responses: { 200: { description: 'OK' } },
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': identity(kind),
  });
  const collection = collectionPath(kind, scope);
  return {
    [collection]: { post: operation('post') },
    [`${collection}/{name}`]: { put: operation('put'), patch: operation('patch') },
  };
}

function schemaOf(kind: Kind) {
  const name = `sim.${apiVersion(kind).replaceAll('/', '.')}.${kind.kind}`;
  const text = { type: 'string' };
  const properties = { apiVersion: text, kind: text, metadata: { type: 'object' } };
  const identities = { 'x-kubernetes-group-version-kind': [identity(kind)] };
  return { [name]: { type: 'object', properties, ...identities } };
}
