// Command informers runs many client-go informers against one address (a proxy) while objects change
// behind another (the apiserver), and tells whether every informer kept every promise a controller
// relies on: nothing missed, nothing twice, no step back, and in the end the same state.
//
// It speaks in lines. On stdout: READY when all informers are synced, WRITTEN when the writer is
// done, then one line of JSON. On stdin, when asked to write: GO; with --external-writer: CHECK.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"

	"k8s.io/klog/v2"
	"watershed.dev/test/parent"
)

type settings struct {
	kubeconfig       string
	directKubeconfig string
	informers        int
	write            bool
	writes           int
	externalWriter   bool
	hold             bool
	watchList        string
	client           string
	encoding         string
	bridged          bool
	timeout          time.Duration
	maxErrors        int
	maxRelists       int
}

func parseSettings() settings {
	var s settings
	flag.StringVar(&s.kubeconfig, "kubeconfig", "", "kubeconfig of the address under test")
	flag.StringVar(&s.directKubeconfig, "direct-kubeconfig", "", "kubeconfig of the apiserver; writes and compares")
	flag.IntVar(&s.informers, "informers", 60, "how many informers to run")
	flag.BoolVar(&s.write, "write", false, "change objects after a line GO on stdin")
	flag.IntVar(&s.writes, "writes", 5000, "how many changes to make")
	flag.BoolVar(&s.externalWriter, "external-writer", false, "somebody else writes; compare after a line CHECK on stdin")
	flag.BoolVar(&s.hold, "hold", false, "with --write: compare only after a line CHECK on stdin, so that informers run on")
	flag.StringVar(&s.watchList, "watch-list", "on", "client-go's WatchListClient feature: on or off")
	flag.StringVar(&s.client, "client", "typed", "typed, dynamic, metadata or controller-runtime")
	flag.BoolVar(&s.bridged, "bridged", false, "the proxy bridges an expiry upstream: states in between may be left out")
	flag.StringVar(&s.encoding, "encoding", "json", "what the typed informers ask for: json or protobuf")
	flag.DurationVar(&s.timeout, "timeout", time.Minute, "how long to wait for sync, and for equality")
	flag.IntVar(&s.maxErrors, "max-errors", 0, "list/watch errors that are still a success; -1 for any number")
	flag.IntVar(&s.maxRelists, "max-relists", 0, "relists that are still a success; -1 for any number")
	flag.Parse()
	return s
}

func (s settings) validate() error {
	switch {
	case s.kubeconfig == "" || s.directKubeconfig == "":
		return fmt.Errorf("--kubeconfig and --direct-kubeconfig are needed")
	case s.watchList != "on" && s.watchList != "off":
		return fmt.Errorf("--watch-list is on or off, not %q", s.watchList)
	case accesses[s.client] == nil && s.client != controllerRuntime:
		return fmt.Errorf("--client is typed, dynamic, metadata or controller-runtime, not %q", s.client)
	case s.encoding != "json" && s.encoding != "protobuf":
		return fmt.Errorf("--encoding is json or protobuf, not %q", s.encoding)
	case s.write && s.externalWriter:
		return fmt.Errorf("--write and --external-writer exclude each other")
	}
	return nil
}

func main() {
	parent.Follow()
	// client-go reports every broken connection; those are counted here, and expected in some tests.
	// The zero logger writes nothing.
	klog.SetLogger(klog.Logger{})
	s := parseSettings()
	err := s.validate()
	var result *result
	if err == nil {
		result, err = run(context.Background(), s)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	line, _ := json.Marshal(result)
	fmt.Println(string(line))
	if !result.OK {
		os.Exit(1)
	}
}

func run(ctx context.Context, s settings) (*result, error) {
	// client-go reads its feature gates once, at their first use, from the environment; so one
	// process has one setting.
	value := map[string]string{"on": "true", "off": "false"}[s.watchList]
	os.Setenv("KUBE_FEATURE_WatchListClient", value)
	direct, err := newClients(s.directKubeconfig, "json", nil)
	if err != nil {
		return nil, err
	}
	writer := newWriter(direct)
	if err := writer.prepare(ctx); err != nil {
		return nil, err
	}
	subjects, err := startSubjects(ctx, s)
	if err != nil {
		return nil, err
	}
	if err := waitForSync(ctx, subjects, s.timeout); err != nil {
		return nil, err
	}
	fmt.Println("READY")
	if err := change(ctx, s, writer); err != nil {
		return nil, err
	}
	mismatches := waitForEquality(ctx, direct, subjects, s.timeout)
	return judge(s, subjects, writer, mismatches), nil
}

func change(ctx context.Context, s settings, writer *writer) error {
	lines := bufio.NewScanner(os.Stdin)
	switch {
	case s.externalWriter:
		return expectLine(lines, "CHECK")
	case s.write:
		if err := expectLine(lines, "GO"); err != nil {
			return err
		}
		if err := writer.write(ctx, s.writes); err != nil {
			return err
		}
		fmt.Println("WRITTEN")
		if s.hold {
			return expectLine(lines, "CHECK")
		}
	}
	return nil
}

func expectLine(lines *bufio.Scanner, expected string) error {
	for lines.Scan() {
		if lines.Text() == expected {
			return nil
		}
	}
	return fmt.Errorf("stdin ended without a line %s", expected)
}
