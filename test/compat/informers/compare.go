package main

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const comparePause = 200 * time.Millisecond

// waitForEquality compares every informer's store with a direct, consistent list until they are the
// same, and returns what still differs at the end of the time. Repeating is needed because events
// take their time, and because the apiserver itself renews a lease now and then.
func waitForEquality(ctx context.Context, direct *clients, subjects []*subject, timeout time.Duration) []string {
	deadline := time.Now().Add(timeout)
	var mismatches []string
	for _, subject := range subjects {
		for {
			difference := compare(ctx, direct, subject)
			if difference == "" {
				break
			}
			if time.Now().After(deadline) {
				mismatches = append(mismatches, subject.name+": "+difference)
				break
			}
			if err := pause(ctx, comparePause); err != nil {
				return append(mismatches, err.Error())
			}
		}
	}
	return mismatches
}

// compare returns the first difference, or nothing.
func compare(ctx context.Context, direct *clients, s *subject) string {
	var options metav1.ListOptions
	s.scope.tweak(s.kind)(&options)
	list, err := s.access.list(ctx, s.kind, direct, s.scope.namespace, options)
	if err != nil {
		return err.Error()
	}
	items, err := meta.ExtractList(list)
	if err != nil {
		return err.Error()
	}
	objects, err := s.source.objects(ctx)
	if err != nil {
		return err.Error()
	}
	store := map[string]any{}
	for _, object := range objects {
		store[keyOf(object)] = object
	}
	for _, item := range items {
		held, ok := store[keyOf(item)]
		if !ok {
			return fmt.Sprintf("%s is missing", keyOf(item))
		}
		delete(store, keyOf(item))
		want, got := accessor(item), accessor(held)
		if want.GetUID() != got.GetUID() || want.GetResourceVersion() != got.GetResourceVersion() {
			return fmt.Sprintf("%s is at %s, should be at %s", keyOf(item), got.GetResourceVersion(), want.GetResourceVersion())
		}
		if !equality.Semantic.DeepEqual(withoutKind(item), withoutKind(held)) {
			return fmt.Sprintf("%s differs at the same revision %s", keyOf(item), got.GetResourceVersion())
		}
	}
	for key := range store {
		return fmt.Sprintf("%s should not be there", key)
	}
	return ""
}
