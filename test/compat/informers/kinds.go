package main

import (
	"context"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	coordinationinformers "k8s.io/client-go/informers/coordination/v1"
	coreinformers "k8s.io/client-go/informers/core/v1"
	"k8s.io/client-go/tools/cache"
)

// kind is one resource under test: how an informer follows it, how its truth is read, and what an
// object of it looks like.
type kind struct {
	resource   schema.GroupVersionResource
	object     string // the Kind of an object
	namespaced bool
	// field is a selectable field all objects have, for the informers that select by field.
	field string
	// informer and list are those of the typed client; nil when there is none.
	informer func(c *clients, namespace string, tweak tweakFunc) cache.SharedIndexInformer
	list     func(ctx context.Context, c *clients, namespace string, o metav1.ListOptions) (runtime.Object, error)
	// spec fills what belongs to the kind, in a new object or in one that is being updated.
	spec func(content map[string]any, color string, step int64)
}

func (k *kind) apiVersion() string { return k.resource.GroupVersion().String() }

type tweakFunc = func(*metav1.ListOptions)

var kinds = []*kind{
	{
		resource: schema.GroupVersionResource{Version: "v1", Resource: "pods"}, object: "Pod",
		namespaced: true, field: "spec.nodeName",
		informer: func(c *clients, namespace string, tweak tweakFunc) cache.SharedIndexInformer {
			return coreinformers.NewFilteredPodInformer(c.typed, namespace, 0, nil, tweak)
		},
		list: func(ctx context.Context, c *clients, namespace string, o metav1.ListOptions) (runtime.Object, error) {
			return c.typed.CoreV1().Pods(namespace).List(ctx, o)
		},
		spec: func(content map[string]any, color string, _ int64) {
			if content["spec"] != nil {
				return // A pod's node is set once.
			}
			container := map[string]any{"name": "main", "image": "none"}
			content["spec"] = map[string]any{"nodeName": color, "containers": []any{container}}
		},
	},
	{
		resource: schema.GroupVersionResource{Version: "v1", Resource: "nodes"}, object: "Node",
		informer: func(c *clients, _ string, tweak tweakFunc) cache.SharedIndexInformer {
			return coreinformers.NewFilteredNodeInformer(c.typed, 0, nil, tweak)
		},
		list: func(ctx context.Context, c *clients, _ string, o metav1.ListOptions) (runtime.Object, error) {
			return c.typed.CoreV1().Nodes().List(ctx, o)
		},
		spec: func(map[string]any, string, int64) {},
	},
	{
		resource:   schema.GroupVersionResource{Group: "coordination.k8s.io", Version: "v1", Resource: "leases"},
		object:     "Lease",
		namespaced: true,
		informer: func(c *clients, namespace string, tweak tweakFunc) cache.SharedIndexInformer {
			return coordinationinformers.NewFilteredLeaseInformer(c.typed, namespace, 0, nil, tweak)
		},
		list: func(ctx context.Context, c *clients, namespace string, o metav1.ListOptions) (runtime.Object, error) {
			return c.typed.CoordinationV1().Leases(namespace).List(ctx, o)
		},
		spec: func(content map[string]any, color string, step int64) {
			content["spec"] = map[string]any{"holderIdentity": color, "leaseTransitions": step}
		},
	},
	{
		resource: schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}, object: "ConfigMap",
		namespaced: true,
		informer: func(c *clients, namespace string, tweak tweakFunc) cache.SharedIndexInformer {
			return coreinformers.NewFilteredConfigMapInformer(c.typed, namespace, 0, nil, tweak)
		},
		list: func(ctx context.Context, c *clients, namespace string, o metav1.ListOptions) (runtime.Object, error) {
			return c.typed.CoreV1().ConfigMaps(namespace).List(ctx, o)
		},
		spec: func(content map[string]any, color string, _ int64) {
			content["data"] = map[string]any{"color": color, "text": "é \u2028 <&> \"quoted\" \\ 𝄞"}
		},
	},
	{
		resource: schema.GroupVersionResource{Version: "v1", Resource: "services"}, object: "Service",
		namespaced: true,
		informer: func(c *clients, namespace string, tweak tweakFunc) cache.SharedIndexInformer {
			return coreinformers.NewFilteredServiceInformer(c.typed, namespace, 0, nil, tweak)
		},
		list: func(ctx context.Context, c *clients, namespace string, o metav1.ListOptions) (runtime.Object, error) {
			return c.typed.CoreV1().Services(namespace).List(ctx, o)
		},
		spec: func(content map[string]any, color string, _ int64) {
			set(content, "None", "spec", "clusterIP")
			set(content, color, "spec", "selector", "color")
		},
	},
	widgets,
}

var widgetResource = schema.GroupVersionResource{Group: "demo.watershed.dev", Version: "v1", Resource: "widgets"}

// widgets are the custom resource of the control plane's fixtures; no typed client knows them.
var widgets = &kind{
	resource: widgetResource, object: "Widget", namespaced: true, field: "spec.color",
	spec: func(content map[string]any, color string, step int64) {
		content["spec"] = map[string]any{"color": color, "step": step}
	},
}

// set puts a value below maps that may not exist yet.
func set(content map[string]any, value any, path ...string) {
	if err := unstructured.SetNestedField(content, value, path...); err != nil {
		panic(err) // Only our own objects come here; another shape is a mistake in this program.
	}
}
