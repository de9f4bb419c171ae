package main

import (
	"fmt"
	"strconv"
	"sync"

	"k8s.io/client-go/tools/cache"
)

const maxNotes = 5

// stateID names one state of one object for all time.
type stateID struct {
	uid      string
	revision uint64
}

// shownState is what the writer left in the object: which run of it, and its step.
type shownState struct {
	key    string
	writer string
	step   string
	// ending: it carries a deletion timestamp. The apiserver writes that state by itself, just
	// before it removes a pod that belongs to a node.
	ending bool
}

// recorder is an informer's event handler that checks each event against what came before it.
type recorder struct {
	subject *subject

	mu sync.Mutex
	// last is the newest revision seen of each key, deletions included.
	last map[string]uint64
	// head is the newest revision of all.
	head uint64
	// seen holds every state that was shown as added or updated.
	seen map[stateID]shownState

	events         int
	repeats        int
	unknownDeletes int
	violations     int
	notes          []string
}

func newRecorder(subject *subject) *recorder {
	return &recorder{subject: subject, last: map[string]uint64{}, seen: map[stateID]shownState{}}
}

func (r *recorder) OnAdd(object any, isInInitialList bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.show("ADDED", object, isInInitialList)
}

func (r *recorder) OnUpdate(old, object any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before, after := accessor(old), accessor(object)
	if before.GetUID() == after.GetUID() && before.GetResourceVersion() == after.GetResourceVersion() {
		// What a relist does for objects that have not changed.
		r.events++
		r.repeats++
		return
	}
	if known := r.last[keyOf(object)]; known != revisionOf(old) {
		r.violate("update of %s from revision %d, which was not the last one shown (%d)", keyOf(object), revisionOf(old), known)
	}
	r.show("MODIFIED", object, false)
}

func (r *recorder) OnDelete(object any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if unknown, ok := object.(cache.DeletedFinalStateUnknown); ok {
		// The informer found out by a relist; the revision of the deletion is not known.
		r.events++
		r.unknownDeletes++
		if unknown.Obj != nil && revisionOf(unknown.Obj) < r.last[unknown.Key] {
			r.violate("deleted %s at an older state than was shown", unknown.Key)
		}
		return
	}
	r.advance("DELETED", object, false)
}

func (r *recorder) show(event string, object any, isInInitialList bool) {
	r.advance(event, object, isInInitialList)
	meta := accessor(object)
	notes := meta.GetAnnotations()
	id := stateID{string(meta.GetUID()), revisionOf(object)}
	r.seen[id] = shownState{
		key: keyOf(object), writer: notes[writerAnnotation], step: notes[stepAnnotation],
		ending: meta.GetDeletionTimestamp() != nil,
	}
	if !r.subject.scope.contains(meta.GetNamespace(), meta.GetLabels()["color"], r.subject.kind.fieldOf(object)) {
		r.violate("%s of %s, which the selectors leave out", event, keyOf(object))
	}
}

// advance checks that revisions only rise: for each object always, for all objects together after
// the initial list and as long as nothing was listed again.
func (r *recorder) advance(event string, object any, isInInitialList bool) {
	r.events++
	key, revision := keyOf(object), revisionOf(object)
	// A bridge tells deletions at the last revision it had told before (apiserver semantics 9.5).
	floor := revision
	if event == "DELETED" && r.subject.bridged {
		floor++
	}
	if floor <= r.last[key] {
		r.violate("%s of %s at revision %d after %d", event, key, revision, r.last[key])
	}
	if !isInInitialList && floor <= r.head && r.subject.relists() == 0 {
		r.violate("%s of %s at revision %d after %d of another object", event, key, revision, r.head)
	}
	r.last[key] = revision
	r.head = max(r.head, revision)
}

func (r *recorder) violate(format string, arguments ...any) {
	r.violations++
	if len(r.notes) < maxNotes {
		r.notes = append(r.notes, r.subject.name+": "+fmt.Sprintf(format, arguments...))
	}
}

func keyOf(object any) string {
	meta := accessor(object)
	return meta.GetNamespace() + "/" + meta.GetName()
}

func revisionOf(object any) uint64 {
	revision, err := strconv.ParseUint(accessor(object).GetResourceVersion(), 10, 64)
	if err != nil {
		panic(err) // kube-apiserver's revisions are numbers; anything else must not go unnoticed.
	}
	return revision
}
