package main

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	runtimecache "sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

const controllerRuntime = "controller-runtime"

// cached is controller-runtime's cache with the informer of one kind, as a manager would have it.
type cached struct {
	cache    runtimecache.Cache
	informer runtimecache.Informer
	list     client.ObjectList
}

// newMapper asks discovery for all caches, and not through the transport that counts lists.
func newMapper(kubeconfig string) (meta.RESTMapper, error) {
	config, err := newConfig(kubeconfig, nil)
	if err != nil {
		return nil, err
	}
	httpClient, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	return apiutil.NewDynamicRESTMapper(config, httpClient)
}

func newCached(ctx context.Context, s settings, subject *subject, mapper meta.RESTMapper) (*cached, error) {
	config, err := newConfig(s.kubeconfig, subject.counts)
	if err != nil {
		return nil, err
	}
	// The cache chooses the encoding for each kind by itself.
	config.ContentType = ""
	options := runtimecache.Options{
		Mapper:                   mapper,
		DefaultWatchErrorHandler: func(context.Context, *cache.Reflector, error) { subject.errors.Add(1) },
	}
	if namespace := subject.scope.namespace; namespace != "" {
		options.DefaultNamespaces = map[string]runtimecache.Config{namespace: {}}
	}
	var selected metav1.ListOptions
	subject.scope.tweak(subject.kind)(&selected)
	if options.DefaultLabelSelector, err = labels.Parse(selected.LabelSelector); err != nil {
		return nil, err
	}
	if options.DefaultFieldSelector, err = fields.ParseSelector(selected.FieldSelector); err != nil {
		return nil, err
	}
	c := &cached{}
	if c.cache, err = runtimecache.New(config, options); err != nil {
		return nil, err
	}
	object, list, err := subject.prototypes()
	if err != nil {
		return nil, err
	}
	c.list = list
	c.informer, err = c.cache.GetInformer(ctx, object, runtimecache.BlockUntilSynced(false))
	return c, err
}

// prototypes are what tells controller-runtime which kind is meant, and in which form.
func (s *subject) prototypes() (client.Object, client.ObjectList, error) {
	one := s.kind.resource.GroupVersion().WithKind(s.kind.object)
	many := s.kind.resource.GroupVersion().WithKind(s.kind.object + "List")
	switch {
	case s.access == metadataAccess:
		object, list := &metav1.PartialObjectMetadata{}, &metav1.PartialObjectMetadataList{}
		object.SetGroupVersionKind(one)
		list.SetGroupVersionKind(many)
		return object, list, nil
	case s.access == dynamicAccess || s.kind.informer == nil:
		object, list := &unstructured.Unstructured{}, &unstructured.UnstructuredList{}
		object.SetGroupVersionKind(one)
		list.SetGroupVersionKind(many)
		return object, list, nil
	}
	object, err := makeObject[client.Object](one)
	if err != nil {
		return nil, nil, err
	}
	list, err := makeObject[client.ObjectList](many)
	return object, list, err
}

func makeObject[T runtime.Object](kind schema.GroupVersionKind) (T, error) {
	var none T
	object, err := scheme.Scheme.New(kind)
	if err != nil {
		return none, err
	}
	made, ok := object.(T)
	if !ok {
		return none, fmt.Errorf("%s is not an API object", kind)
	}
	return made, nil
}

func (c *cached) run(ctx context.Context) { _ = c.cache.Start(ctx) }

func (c *cached) hasSynced() bool { return c.informer.HasSynced() }

func (c *cached) handle(handler cache.ResourceEventHandler) error {
	_, err := c.informer.AddEventHandler(handler)
	return err
}

// objects reads the store as a controller does.
func (c *cached) objects(ctx context.Context) ([]any, error) {
	list := c.list.DeepCopyObject().(client.ObjectList)
	if err := c.cache.List(ctx, list); err != nil {
		return nil, err
	}
	items, err := meta.ExtractList(list)
	if err != nil {
		return nil, err
	}
	objects := make([]any, len(items))
	for index, item := range items {
		objects[index] = item
	}
	return objects, nil
}
