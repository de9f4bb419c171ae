package main

import (
	"context"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"
)

// access is a kind of client: how an informer of it is made, and how the same objects are listed.
type access struct {
	// selectsFields: the informers also select by a field of the kind.
	selectsFields bool
	informer      func(k *kind, c *clients, namespace string, tweak tweakFunc) cache.SharedIndexInformer
	list          func(ctx context.Context, k *kind, c *clients, namespace string, o metav1.ListOptions) (runtime.Object, error)
}

// typed clients know built-in kinds only; widgets are followed by the dynamic client.
var typed = &access{
	selectsFields: true,
	informer: func(k *kind, c *clients, namespace string, tweak tweakFunc) cache.SharedIndexInformer {
		if k.informer == nil {
			return dynamicAccess.informer(k, c, namespace, tweak)
		}
		return k.informer(c, namespace, tweak)
	},
	list: func(ctx context.Context, k *kind, c *clients, namespace string, o metav1.ListOptions) (runtime.Object, error) {
		if k.list == nil {
			return listDynamic(ctx, k, c, namespace, o)
		}
		return k.list(ctx, c, namespace, o)
	},
}

var dynamicAccess = &access{
	selectsFields: true,
	informer: func(k *kind, c *clients, namespace string, tweak tweakFunc) cache.SharedIndexInformer {
		return dynamicinformer.NewFilteredDynamicInformer(c.dynamic, k.resource, namespace, 0, nil, tweak).Informer()
	},
	list: listDynamic,
}

func listDynamic(ctx context.Context, k *kind, c *clients, namespace string, o metav1.ListOptions) (runtime.Object, error) {
	return c.dynamic.Resource(k.resource).Namespace(namespace).List(ctx, o)
}

var metadataAccess = &access{
	informer: func(k *kind, c *clients, namespace string, tweak tweakFunc) cache.SharedIndexInformer {
		return metadatainformer.NewFilteredMetadataInformer(c.metadata, k.resource, namespace, 0, nil, tweak).Informer()
	},
	list: func(ctx context.Context, k *kind, c *clients, namespace string, o metav1.ListOptions) (runtime.Object, error) {
		return c.metadata.Resource(k.resource).Namespace(namespace).List(ctx, o)
	},
}

// accesses by the name of --client.
var accesses = map[string]*access{"typed": typed, "dynamic": dynamicAccess, "metadata": metadataAccess}

// accessOf is the one of a subject: controller-runtime's cache takes all three in turn.
func accessOf(client string, variant int) *access {
	if client != controllerRuntime {
		return accesses[client]
	}
	return []*access{typed, dynamicAccess, metadataAccess}[variant/scopes%3]
}

// contentOf is an object as its JSON would be.
func contentOf(object any) map[string]any {
	if known, ok := object.(*unstructured.Unstructured); ok {
		return known.Object
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		panic(err) // Informers hold API objects only.
	}
	return content
}

// fieldOf reads the kind's selectable field.
func (k *kind) fieldOf(object any) string {
	if k.field == "" {
		return ""
	}
	if _, ok := object.(*metav1.PartialObjectMetadata); ok {
		return ""
	}
	value, _, _ := unstructured.NestedString(contentOf(object), strings.Split(k.field, ".")...)
	return value
}

// withoutKind is for a comparison of objects that name their kind or not, as the client pleases.
func withoutKind(object any) any {
	bare := object.(runtime.Object).DeepCopyObject()
	accessor, err := meta.TypeAccessor(bare)
	if err != nil {
		panic(err)
	}
	accessor.SetKind("")
	accessor.SetAPIVersion("")
	return bare
}
