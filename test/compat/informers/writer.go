package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
)

const (
	// stepAnnotation holds a number that is different in every state the writer makes.
	stepAnnotation = "watershed.dev/step"
	// writerAnnotation says which run of this program made an object.
	writerAnnotation = "watershed.dev/writer"

	writerWorkers  = 8
	maxLivePerKind = 20

	maxWriteErrors  = 800
	writeErrorPause = 200 * time.Millisecond
)

var (
	namespaces = []string{"informers-0", "informers-1"}
	colors     = []string{"red", "green", "blue"}
)

// writtenState is what the apiserver acknowledged.
type writtenState struct {
	kind      *kind
	id        stateID
	step      string
	namespace string
	label     string
	field     string
}

// writer changes objects directly at the apiserver and remembers every acknowledged state.
type writer struct {
	direct *clients
	run    string
	steps  atomic.Int64
	names  atomic.Int64

	mu      sync.Mutex
	states  []writtenState
	deletes int
	errors  int
	// unsure holds the keys of objects whose last change may or may not have happened.
	unsure map[string]bool
}

func newWriter(direct *clients) *writer {
	run := fmt.Sprintf("%d-%d", os.Getpid(), time.Now().UnixMilli())
	return &writer{direct: direct, run: run, unsure: map[string]bool{}}
}

func (w *writer) prepare(ctx context.Context) error {
	resource := w.direct.dynamic.Resource(schema.GroupVersionResource{Version: "v1", Resource: "namespaces"})
	for _, name := range namespaces {
		object := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name},
		}}
		_, err := resource.Create(ctx, object, metav1.CreateOptions{})
		if err != nil && !errors.IsAlreadyExists(err) {
			return err
		}
	}
	return nil
}

// write makes that many changes. Each worker has objects of its own, so there are no conflicts.
func (w *writer) write(ctx context.Context, writes int) error {
	var remaining atomic.Int64
	remaining.Store(int64(writes))
	failures := make(chan error, writerWorkers)
	for index := range writerWorkers {
		go func() {
			worker := newWorker(w, uint64(index))
			for remaining.Add(-1) >= 0 {
				if err := worker.change(ctx); err != nil && !w.tolerates(ctx) {
					failures <- err
					return
				}
			}
			failures <- nil
		}()
	}
	for range writerWorkers {
		if err := <-failures; err != nil {
			return err
		}
	}
	return nil
}

// tolerates lets the writer live through a restart of the apiserver, not through a fault that stays.
func (w *writer) tolerates(ctx context.Context) bool {
	w.mu.Lock()
	w.errors++
	tolerable := w.errors <= maxWriteErrors
	w.mu.Unlock()
	return tolerable && pause(ctx, writeErrorPause) == nil
}

func (w *writer) doubt(object *unstructured.Unstructured) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unsure[keyOf(object)] = true
}

func (w *writer) remember(k *kind, object *unstructured.Unstructured) {
	field := ""
	if k.field != "" {
		field, _, _ = unstructured.NestedString(object.Object, strings.Split(k.field, ".")...)
	}
	state := writtenState{
		kind:      k,
		id:        stateID{string(object.GetUID()), revisionOf(object)},
		step:      object.GetAnnotations()[stepAnnotation],
		namespace: object.GetNamespace(),
		label:     object.GetLabels()["color"],
		field:     field,
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.states = append(w.states, state)
}

type worker struct {
	writer *writer
	random *rand.Rand
	live   map[*kind][]*unstructured.Unstructured
}

func newWorker(w *writer, seed uint64) *worker {
	random := rand.New(rand.NewPCG(1, seed))
	return &worker{writer: w, random: random, live: map[*kind][]*unstructured.Unstructured{}}
}

func (w *worker) change(ctx context.Context) error {
	kind := kinds[w.random.IntN(len(kinds))]
	live := w.live[kind]
	dice := w.random.IntN(10)
	switch {
	case len(live) == 0 || (dice < 3 && len(live) < maxLivePerKind):
		return w.create(ctx, kind)
	case dice < 8:
		return w.update(ctx, kind, w.random.IntN(len(live)))
	default:
		return w.delete(ctx, kind, w.random.IntN(len(live)))
	}
}

func (w *worker) create(ctx context.Context, k *kind) error {
	name := fmt.Sprintf("w-%s-%d", w.writer.run, w.writer.names.Add(1))
	object := &unstructured.Unstructured{Object: map[string]any{"apiVersion": k.apiVersion(), "kind": k.object}}
	object.SetName(name)
	if k.namespaced {
		object.SetNamespace(namespaces[w.random.IntN(len(namespaces))])
	}
	w.paint(k, object)
	created, err := w.resource(k, object).Create(ctx, object, metav1.CreateOptions{})
	if err != nil {
		w.writer.doubt(object)
		return err
	}
	w.writer.remember(k, created)
	w.live[k] = append(w.live[k], created)
	return nil
}

func (w *worker) update(ctx context.Context, k *kind, index int) error {
	object := w.live[k][index].DeepCopy()
	w.paint(k, object)
	updated, err := w.resource(k, object).Update(ctx, object, metav1.UpdateOptions{})
	if err != nil {
		w.writer.doubt(object)
		w.forget(k, index)
		return err
	}
	w.writer.remember(k, updated)
	w.live[k][index] = updated
	return nil
}

func (w *worker) delete(ctx context.Context, k *kind, index int) error {
	object := w.live[k][index]
	w.forget(k, index)
	// A pod with a node would otherwise wait for its kubelet.
	now := int64(0)
	err := w.resource(k, object).Delete(ctx, object.GetName(), metav1.DeleteOptions{GracePeriodSeconds: &now})
	if err != nil {
		w.writer.doubt(object)
		return err
	}
	w.writer.mu.Lock()
	defer w.writer.mu.Unlock()
	w.writer.deletes++
	return nil
}

func (w *worker) forget(k *kind, index int) {
	live := w.live[k]
	live[index] = live[len(live)-1]
	w.live[k] = live[:len(live)-1]
}

// paint gives an object a new step and a color, which moves it in and out of selections.
func (w *worker) paint(k *kind, object *unstructured.Unstructured) {
	step := w.writer.steps.Add(1)
	color := colors[w.random.IntN(len(colors))]
	object.SetLabels(map[string]string{"color": color})
	object.SetAnnotations(map[string]string{stepAnnotation: strconv.FormatInt(step, 10), writerAnnotation: w.writer.run})
	k.spec(object.Object, color, step)
}

func (w *worker) resource(k *kind, object *unstructured.Unstructured) dynamic.ResourceInterface {
	resource := w.writer.direct.dynamic.Resource(k.resource)
	if !k.namespaced {
		return resource
	}
	return resource.Namespace(object.GetNamespace())
}
