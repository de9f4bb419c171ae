// Command etcd is the etcd server as it is, built from its Go module for tests.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
	"watershed.dev/test/parent"
)

func main() {
	parent.Follow()
	etcdmain.Main(os.Args)
}
