// Package command is kubectl as its release has it. Each sibling folder is one release: it pins the
// modules of that release and calls Run.
package command

import (
	"fmt"
	"os"

	// Makes the credential plugins known, as the release does.
	_ "k8s.io/client-go/plugin/pkg/client/auth"
	"k8s.io/component-base/cli"
	"k8s.io/component-base/logs"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	"watershed.dev/test/parent"
)

// Run ends the process on an error, with kubectl's own message and exit code.
func Run() {
	parent.Follow()
	// The verbosity has to be known while the command is being built.
	if _, err := logs.GlogSetter(kubectl.GetLogVerbosity(os.Args)); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
		kubectlutil.CheckErr(err)
	}
}
