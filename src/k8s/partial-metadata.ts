/**
 * Which resources show the same metadata whole and as PartialObjectMetadata, so that one can be cut out of the other.
 *
 * kube-apiserver takes PartialObjectMetadata from its internal object (`doTransformObject`), and a whole object from the
 * conversion of that to the version asked for. Both print one Go type, ObjectMeta, with one encoder: field order, omitted
 * fields, escapes and managedFields cannot differ. What can differ is what a conversion written by hand does to the
 * metadata on the way, and it may do so for rare objects only, which no comparison of samples would find. So the stable
 * versions are listed here whose conversions were read (kubernetes v1.36.3, `pkg/apis/<group>/<version>/conversion.go`),
 * without the resources where they touch metadata. Everything else, and custom resources, whose whole objects have sorted keys,
 * is followed as upstream's own PartialObjectMetadata.
 */
import { apiVersion, type Resource, resourceId } from './resource.ts';

const VERSIONS: ReadonlySet<string> = new Set([
  'v1',
  'admissionregistration.k8s.io/v1',
  'apiextensions.k8s.io/v1',
  'apiregistration.k8s.io/v1',
  'apps/v1',
  'autoscaling/v2',
  'batch/v1',
  'certificates.k8s.io/v1',
  'coordination.k8s.io/v1',
  'discovery.k8s.io/v1',
  'flowcontrol.apiserver.k8s.io/v1',
  'networking.k8s.io/v1',
  'node.k8s.io/v1',
  'policy/v1',
  'rbac.authorization.k8s.io/v1',
  'resource.k8s.io/v1',
  'scheduling.k8s.io/v1',
  'storage.k8s.io/v1',
]);

const EXCEPTIONS: ReadonlySet<string> = new Set([
  // Whole objects alone have the annotation deprecated.daemonset.template.generation: all of them.
  'apps/v1/daemonsets',
  // Whole objects alone have the annotation deprecated.deployment.rollback.to, for as long as a client sets it.
  'apps/v1/deployments',
]);

/** Whether the metadata of every whole object of this resource is that of its PartialObjectMetadata, byte for byte. */
export function hasSameMetadata(
  resource: Pick<Resource, 'group' | 'version' | 'plural'>,
  custom: boolean,
): boolean {
  return !custom && VERSIONS.has(apiVersion(resource)) && !EXCEPTIONS.has(resourceId(resource));
}
