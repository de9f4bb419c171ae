// Command apiserver holds the Kubernetes programs that tests run, as they are, in one binary: the
// name it is started under chooses one, else the first argument. One binary because they share
// nearly all of their packages.
package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	_ "k8s.io/client-go/plugin/pkg/client/auth"
	"k8s.io/component-base/cli"
	"k8s.io/component-base/logs"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	kubeapiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	kubecontrollermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	kubescheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	"watershed.dev/test/parent"
)

var programs = map[string]func() *cobra.Command{
	"kube-apiserver":          kubeapiserver.NewAPIServerCommand,
	"kube-controller-manager": kubecontrollermanager.NewControllerManagerCommand,
	"kube-scheduler":          func() *cobra.Command { return kubescheduler.NewSchedulerCommand() },
	"kubectl":                 func() *cobra.Command { return kubectl.NewDefaultKubectlCommand() },
}

func main() {
	parent.Follow()
	name, rest := filepath.Base(os.Args[0]), os.Args[1:]
	if programs[name] == nil && len(rest) > 0 {
		name, rest = rest[0], rest[1:]
	}
	if programs[name] == nil {
		names := slices.Sorted(maps.Keys(programs))
		fmt.Fprintf(os.Stderr, "usage: apiserver %s [flags]\n", strings.Join(names, "|"))
		os.Exit(2)
	}
	// The programs read os.Args themselves; without the chooser they see what they expect.
	os.Args = append([]string{name}, rest...)
	if name == "kubectl" {
		runKubectl()
		return
	}
	os.Exit(cli.Run(programs[name]()))
}

// runKubectl differs from the servers in two ways: the verbosity has to be known while the command
// is being built, and kubectl prints errors in its own form and exits with its own codes.
func runKubectl() {
	if _, err := logs.GlogSetter(kubectl.GetLogVerbosity(os.Args)); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	if err := cli.RunNoErrOutput(programs["kubectl"]()); err != nil {
		kubectlutil.CheckErr(err)
	}
}
