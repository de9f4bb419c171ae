// Command kubelet plays the part of a kubelet that kube-apiserver connects to for logs, exec, attach
// and port-forward. Its containers are the same for every pod: they have logged three lines, and know
// the commands echo, cat and fail.
//
// It says its address on stdout and serves until it is killed.
package main

import (
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"watershed.dev/test/parent"
)

// logged is what every container wrote, and when.
var logged = []struct{ at, line string }{
	{"2026-01-01T00:00:01.000000000Z", "first <&> é"},
	{"2026-01-01T00:00:02.000000000Z", "second"},
	{"2026-01-01T00:00:03.000000000Z", "third"},
}

const followPause = 20 * time.Millisecond

func main() {
	parent.Follow()
	certificate := flag.String("cert", "", "serving certificate")
	key := flag.String("key", "", "its private key")
	flag.Parse()

	mux := http.NewServeMux()
	mux.HandleFunc("/containerLogs/{namespace}/{pod}/{container}", serveLogs)
	mux.HandleFunc("/exec/{namespace}/{pod}/{container}", serveExec)
	mux.HandleFunc("/attach/{namespace}/{pod}/{container}", serveExec)
	mux.HandleFunc("/portForward/{namespace}/{pod}", servePortForward)

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		fmt.Println(listener.Addr())
		err = http.ServeTLS(listener, mux, *certificate, *key)
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func serveLogs(response http.ResponseWriter, request *http.Request) {
	query := request.URL.Query()
	lines := logged
	if tail, err := strconv.Atoi(query.Get("tailLines")); err == nil {
		lines = lines[max(0, len(lines)-tail):]
	}
	for _, entry := range lines {
		if query.Get("timestamps") == "true" {
			fmt.Fprint(response, entry.at, " ")
		}
		fmt.Fprintln(response, entry.line)
		if query.Get("follow") == "true" {
			// Line by line, as a container that is still writing.
			http.NewResponseController(response).Flush()
			time.Sleep(followPause)
		}
	}
}

// run is what the containers can do; it returns an exit code.
func run(command []string, stdin io.Reader, stdout, stderr io.Writer) int {
	switch {
	case len(command) == 0 || command[0] == "cat":
		io.Copy(stdout, stdin)
	case command[0] == "echo":
		fmt.Fprintln(stdout, strings.Join(command[1:], " "))
	case command[0] == "fail" && len(command) == 2:
		fmt.Fprintln(stderr, "failing as asked")
		code, _ := strconv.Atoi(command[1])
		return code
	default:
		fmt.Fprintf(stderr, "%s: not found\n", command[0])
		return 127
	}
	return 0
}
