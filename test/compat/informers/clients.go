package main

import (
	"net/http"
	"sync/atomic"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// clients are one informer's (or the writer's) ways to the API. Clients with the same kubeconfig
// share connections, as they do within a controller.
type clients struct {
	typed    kubernetes.Interface
	dynamic  dynamic.Interface
	metadata metadata.Interface
}

func newClients(kubeconfig, encoding string, counts *requestCounts) (*clients, error) {
	config, err := newConfig(kubeconfig, counts)
	if err != nil {
		return nil, err
	}
	dynamicClient, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	typedConfig := rest.CopyConfig(config)
	if encoding == "protobuf" {
		typedConfig.ContentType = "application/vnd.kubernetes.protobuf"
		typedConfig.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	}
	typed, err := kubernetes.NewForConfig(typedConfig)
	if err != nil {
		return nil, err
	}
	// Asks for protobuf and takes JSON, for want of it.
	metadataClient, err := metadata.NewForConfig(metadata.ConfigFor(config))
	if err != nil {
		return nil, err
	}
	return &clients{typed: typed, dynamic: dynamicClient, metadata: metadataClient}, nil
}

func newConfig(kubeconfig string, counts *requestCounts) (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	config.ContentType = "application/json"
	if counts != nil {
		config.Wrap(func(next http.RoundTripper) http.RoundTripper {
			return &countingTransport{next: next, counts: counts}
		})
	}
	return config, nil
}

// requestCounts says what one informer asked for. A list in several pages counts once.
type requestCounts struct {
	lists      atomic.Int64
	watchLists atomic.Int64
	watches    atomic.Int64
	gone       atomic.Int64
}

type countingTransport struct {
	next   http.RoundTripper
	counts *requestCounts
}

func (t *countingTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	query := request.URL.Query()
	switch {
	case query.Get("sendInitialEvents") == "true":
		t.counts.watchLists.Add(1)
	case query.Has("watch"):
		t.counts.watches.Add(1)
	case query.Get("continue") == "":
		t.counts.lists.Add(1)
	}
	response, err := t.next.RoundTrip(request)
	if err == nil && response.StatusCode == http.StatusGone {
		t.counts.gone.Add(1)
	}
	return response, err
}
