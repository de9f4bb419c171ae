package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
)

// scope is the part of a kind that one informer follows. Selected parts matter most: an update can
// move an object in or out of them, which a watch must tell as ADDED or DELETED.
type scope struct {
	namespace string
	label     string // of "color"; empty for any
	field     string // of the kind's field; empty for any
	selector  string // a field selector that needs no look at the object
}

// scopes is how many there are of a kind.
const scopes = 4

func scopeOf(k *kind, variant int, selectsFields bool) scope {
	switch variant % scopes {
	case 1:
		if k.namespaced {
			return scope{namespace: namespaces[0]}
		}
	case 2:
		return scope{label: "red"}
	case 3:
		if k.field != "" && selectsFields {
			return scope{field: "red"}
		}
		if k.namespaced {
			return scope{selector: "metadata.namespace=" + namespaces[1]}
		}
		return scope{label: "blue"}
	}
	return scope{}
}

func (s scope) tweak(k *kind) tweakFunc {
	return func(options *metav1.ListOptions) {
		if s.label != "" {
			options.LabelSelector = "color=" + s.label
		}
		if s.field != "" {
			options.FieldSelector = k.field + "=" + s.field
		}
		if s.selector != "" {
			options.FieldSelector = s.selector
		}
	}
}

func (s scope) contains(namespace, label, field string) bool {
	if s.selector != "" && namespace != namespaces[1] {
		return false
	}
	return (s.namespace == "" || s.namespace == namespace) &&
		(s.label == "" || s.label == label) && (s.field == "" || s.field == field)
}

// subject is one informer under test with everything known about it.
type subject struct {
	name   string
	kind   *kind
	access *access
	scope  scope
	counts *requestCounts
	// bridged: the proxy shows what it missed as a difference, and leaves out what lay between.
	bridged  bool
	errors   atomic.Int64
	recorder *recorder
	source   source
}

// source is what holds a subject's objects: an informer of client-go, or a cache around one.
type source interface {
	run(ctx context.Context)
	hasSynced() bool
	handle(handler cache.ResourceEventHandler) error
	objects(ctx context.Context) ([]any, error)
}

type plainInformer struct{ cache.SharedIndexInformer }

func (i plainInformer) run(ctx context.Context) { i.RunWithContext(ctx) }

func (i plainInformer) hasSynced() bool { return i.HasSynced() }

func (i plainInformer) handle(handler cache.ResourceEventHandler) error {
	_, err := i.AddEventHandler(handler)
	return err
}

func (i plainInformer) objects(context.Context) ([]any, error) { return i.GetStore().List(), nil }

// relists is how often the informer had to fetch everything again, the first time left out.
func (s *subject) relists() int64 {
	return max(0, s.counts.lists.Load()+s.counts.watchLists.Load()-1)
}

func startSubjects(ctx context.Context, s settings) ([]*subject, error) {
	mapper, err := newMapper(s.kubeconfig)
	if err != nil {
		return nil, err
	}
	var subjects []*subject
	for index := range s.informers {
		subject, err := newSubject(ctx, s, index, mapper)
		if err != nil {
			return nil, err
		}
		subjects = append(subjects, subject)
		go subject.source.run(ctx)
	}
	return subjects, nil
}

func newSubject(ctx context.Context, s settings, index int, mapper meta.RESTMapper) (*subject, error) {
	k, variant := kinds[index%len(kinds)], index/len(kinds)
	access := accessOf(s.client, variant)
	scope := scopeOf(k, variant, access.selectsFields)
	subject := &subject{kind: k, access: access, scope: scope, counts: &requestCounts{}, bridged: s.bridged}
	subject.name = fmt.Sprintf("%s-%d %+v", k.resource.Resource, index, scope)
	subject.recorder = newRecorder(subject)
	var err error
	if s.client == controllerRuntime {
		subject.source, err = newCached(ctx, s, subject, mapper)
	} else {
		subject.source, err = newPlain(s, subject)
	}
	if err != nil {
		return nil, err
	}
	return subject, subject.source.handle(subject.recorder)
}

func newPlain(s settings, subject *subject) (source, error) {
	clients, err := newClients(s.kubeconfig, s.encoding, subject.counts)
	if err != nil {
		return nil, err
	}
	k, scope := subject.kind, subject.scope
	informer := subject.access.informer(k, clients, scope.namespace, scope.tweak(k))
	err = informer.SetWatchErrorHandler(func(*cache.Reflector, error) { subject.errors.Add(1) })
	return plainInformer{informer}, err
}

func waitForSync(ctx context.Context, subjects []*subject, timeout time.Duration) error {
	deadline := time.Now().Add(timeout)
	for _, subject := range subjects {
		for !subject.source.hasSynced() {
			if time.Now().After(deadline) {
				return fmt.Errorf("%s is not synced after %s, %d errors", subject.name, timeout, subject.errors.Load())
			}
			if err := pause(ctx, 20*time.Millisecond); err != nil {
				return err
			}
		}
	}
	return nil
}

func pause(ctx context.Context, duration time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(duration):
		return nil
	}
}

func accessor(object any) metav1.Object {
	result, err := meta.Accessor(object)
	if err != nil {
		panic(err) // Informers hold API objects only.
	}
	return result
}
