// Package command is kubectl as its release has it. Each sibling folder is one release: it pins the
// modules of that release and calls Run.
package command

import (
	// Makes the credential plugins known, as the release does.
	_ "k8s.io/client-go/plugin/pkg/client/auth"
	"k8s.io/component-base/cli"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	"watershed.dev/test/parent"
)

// Run ends the process on an error, with kubectl's own message and exit code.
func Run() {
	parent.Follow()
	if err := cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()); err != nil {
		kubectlutil.CheckErr(err)
	}
}
