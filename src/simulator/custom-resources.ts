/**
 * Custom resources: a CRD that is created is served at once, one that is deleted is gone at once.
 *
 * Listens to the CRD collection. Of several versions the first served one counts. Each group also
 * gets its APIService, as the real aggregator keeps them; all of them are local.
 */
import { apiVersion } from '../k8s/resource.ts';
import type { Listener } from './collection.ts';
import type { StoreEvent } from './event-window.ts';
import { ALL_VERBS } from './kinds.ts';
import type { Kind, PrinterColumn } from './kinds.ts';
import type { KubeObject } from './object.ts';
import type { Store } from './store.ts';
import type { Writes } from './writes.ts';
import { timestamp } from './writes.ts';

interface CrdVersion {
  readonly name: string;
  readonly served: boolean;
  readonly selectableFields?: readonly { readonly jsonPath: string }[];
  readonly additionalPrinterColumns?: readonly PrinterColumn[];
  readonly subresources?: Readonly<Record<string, unknown>>;
}

const MANAGER = 'kube-apiserver';

export class CustomResources implements Listener {
  readonly #store: Store;
  readonly #writes: Writes;
  #stopped = false;

  constructor(store: Store, writes: Writes) {
    this.#store = store;
    this.#writes = writes;
    const built = new Set([...store.all()].map(({ kind }) => apiVersion(kind)));
    for (const groupVersion of built) this.#addApiService(groupVersion);
    store.get('apiextensions.k8s.io/v1', 'customresourcedefinitions').listeners.add(this);
  }

  event({ type, object }: StoreEvent): void {
    const crd = object.decode();
    const kind = kindOf(crd);
    if (kind === undefined) return;
    if (type === 'DELETED') {
      this.#store.remove(kind);
      if (!this.#store.hasGroup(kind.group)) this.#removeApiService(apiVersion(kind));
    } else if (type === 'ADDED') {
      this.#store.add(kind);
      this.#addApiService(apiVersion(kind));
      this.#establish(object.key);
    }
  }

  /** Nobody writes CRDs in batches. */
  batch(): void {}

  closed(): void {}

  stop(): void {
    this.#stopped = true;
  }

  #establish(key: string): void {
    const crds = this.#store.get('apiextensions.k8s.io/v1', 'customresourcedefinitions');
    const change = (crd: KubeObject): KubeObject => {
      const lastTransitionTime = timestamp();
      const conditions = [
        { type: 'NamesAccepted', reason: 'NoConflicts', message: 'no conflicts found' },
        { type: 'Established', reason: 'InitialNamesAccepted', message: 'the names are accepted' },
      ].map((condition) => ({ ...condition, status: 'True', lastTransitionTime }));
      const storedVersions = [crd.spec.versions[0].name];
      crd.status = { conditions, acceptedNames: crd.spec.names, storedVersions };
      return crd;
    };
    // Not inside the event that is being handed out: its other listeners have not seen it yet.
    setImmediate(() => {
      if (this.#stopped || crds.get(key) === undefined) return;
      this.#writes.update(crds, key, change, { manager: MANAGER, subresource: 'status' });
    });
  }

  #addApiService(groupVersion: string): void {
    const services = this.#store.get('apiregistration.k8s.io/v1', 'apiservices');
    const name = apiServiceName(groupVersion);
    if (services.get(name) !== undefined) return;
    const [group, version] = groupVersion.includes('/') ? groupVersion.split('/') : ['', 'v1'];
    const condition = { type: 'Available', status: 'True', reason: 'Local' };
    const message = 'Local APIServices are always available';
    this.#writes.create(
      services,
      {
        metadata: { name, labels: { 'kube-aggregator.kubernetes.io/automanaged': 'onstart' } },
        spec: { group, version, groupPriorityMinimum: 16000, versionPriority: 15 },
        status: { conditions: [{ ...condition, lastTransitionTime: timestamp(), message }] },
      },
      { manager: MANAGER },
    );
  }

  #removeApiService(groupVersion: string): void {
    const services = this.#store.get('apiregistration.k8s.io/v1', 'apiservices');
    const name = apiServiceName(groupVersion);
    if (services.get(name) !== undefined) this.#writes.delete(services, name);
  }
}

function apiServiceName(groupVersion: string): string {
  const [group, version] = groupVersion.includes('/') ? groupVersion.split('/') : ['', 'v1'];
  return `${version}.${group}`;
}

/** undefined for a CRD without a served version. */
function kindOf(crd: KubeObject): Kind | undefined {
  const versions: readonly CrdVersion[] = crd.spec?.versions ?? [];
  const version = versions.find((candidate) => candidate.served);
  const names = crd.spec?.names;
  if (version === undefined || names?.plural === undefined) return undefined;
  return {
    group: crd.spec.group,
    version: version.name,
    plural: names.plural,
    kind: names.kind,
    namespaced: crd.spec.scope === 'Namespaced',
    singular: names.singular ?? names.kind.toLowerCase(),
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    verbs: ALL_VERBS,
    subresources: version.subresources?.status === undefined ? [] : ['status'],
    zero: '',
    custom: true,
    customFields: (version.selectableFields ?? []).map((field) => field.jsonPath),
    printerColumns: version.additionalPrinterColumns ?? [],
  };
}
