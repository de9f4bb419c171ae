// Package parent ends this process when the process that started it is gone, so that a test run
// that is killed leaves no servers behind.
//
// It looks at the parent's process id instead of asking the kernel for a signal
// (PR_SET_PDEATHSIG): that signal follows the parent's thread, and a test runner may start us from a
// worker thread that ends early.
package parent

import (
	"os"
	"strconv"
	"time"
)

// Variable names the environment variable that holds the process id of the parent to follow.
const Variable = "WATERSHED_PARENT_PID"

const interval = 200 * time.Millisecond

// Follow exits this process soon after its parent has ended. It does nothing when the variable is
// not set, so the programs can also be run by hand.
func Follow() {
	expected, err := strconv.Atoi(os.Getenv(Variable))
	if err != nil {
		return
	}
	go func() {
		for os.Getppid() == expected {
			time.Sleep(interval)
		}
		os.Exit(1)
	}()
}
