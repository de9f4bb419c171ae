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

func scopeOf(k *kind, variant int) scope {
	switch variant % 4 {
	case 1:
		if k.namespaced {
			return scope{namespace: namespaces[0]}
		}
	case 2:
		return scope{label: "red"}
	case 3:
		if k.field != "" {
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
	name     string
	kind     *kind
	scope    scope
	counts   *requestCounts
	errors   atomic.Int64
	recorder *recorder
	informer cache.SharedIndexInformer
}

// relists is how often the informer had to fetch everything again, the first time left out.
func (s *subject) relists() int64 {
	return max(0, s.counts.lists.Load()+s.counts.watchLists.Load()-1)
}

func startSubjects(ctx context.Context, s settings) ([]*subject, error) {
	var subjects []*subject
	for index := range s.informers {
		kind := kinds[index%len(kinds)]
		subject, err := newSubject(s, kind, index/len(kinds), index)
		if err != nil {
			return nil, err
		}
		subjects = append(subjects, subject)
		go subject.informer.RunWithContext(ctx)
	}
	return subjects, nil
}

func newSubject(s settings, k *kind, variant, index int) (*subject, error) {
	subject := &subject{kind: k, scope: scopeOf(k, variant), counts: &requestCounts{}}
	subject.name = fmt.Sprintf("%s-%d %+v", k.resource.Resource, index, subject.scope)
	clients, err := newClients(s.kubeconfig, s.encoding, subject.counts)
	if err != nil {
		return nil, err
	}
	subject.informer = k.informer(clients, subject.scope.namespace, subject.scope.tweak(k))
	err = subject.informer.SetWatchErrorHandler(func(*cache.Reflector, error) { subject.errors.Add(1) })
	if err != nil {
		return nil, err
	}
	subject.recorder = newRecorder(subject)
	_, err = subject.informer.AddEventHandler(subject.recorder)
	return subject, err
}

func waitForSync(ctx context.Context, subjects []*subject, timeout time.Duration) error {
	deadline := time.Now().Add(timeout)
	for _, subject := range subjects {
		for !subject.informer.HasSynced() {
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
