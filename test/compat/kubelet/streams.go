package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"
)

// Protocols of the streams, as k8s.io/apimachinery's remotecommand and portforward name them.
const (
	execProtocol        = "v4.channel.k8s.io"
	portForwardProtocol = "portforward.k8s.io"

	streamTimeout = 30 * time.Second
	maxStreams    = 64
)

// upgrade answers with a SPDY connection whose streams come through the channel.
func upgrade(response http.ResponseWriter, request *http.Request, protocol string) (httpstream.Connection, <-chan httpstream.Stream) {
	if _, err := httpstream.Handshake(request, response, []string{protocol}); err != nil {
		return nil, nil
	}
	streams := make(chan httpstream.Stream, maxStreams)
	connection := spdy.NewResponseUpgrader().UpgradeResponse(response, request, func(stream httpstream.Stream, _ <-chan struct{}) error {
		streams <- stream
		return nil
	})
	return connection, streams
}

// empty is what is not connected: no input, and output that goes nowhere.
type empty struct{}

func (empty) Read([]byte) (int, error) { return 0, io.EOF }

func (empty) Write(bytes []byte) (int, error) { return len(bytes), nil }

func (empty) Close() error { return nil }

func serveExec(response http.ResponseWriter, request *http.Request) {
	query := request.URL.Query()
	isOn := func(name string) bool { return query.Get(name) == "1" || query.Get(name) == "true" }
	expected := 1
	for _, name := range []string{"input", "output", "error"} {
		if isOn(name) {
			expected++
		}
	}
	connection, streams := upgrade(response, request, execProtocol)
	if connection == nil {
		return
	}
	defer connection.Close()
	named := map[string]io.ReadWriteCloser{"stdin": empty{}, "stdout": empty{}, "stderr": empty{}, "error": empty{}}
	for range expected {
		select {
		case stream := <-streams:
			named[stream.Headers().Get("streamType")] = stream
		case <-time.After(streamTimeout):
			return
		}
	}
	code := run(query["command"], named["stdin"], named["stdout"], named["stderr"])
	named["stdout"].Close()
	named["stderr"].Close()
	json.NewEncoder(named["error"]).Encode(statusOf(code))
	named["error"].Close()
	// Closing sooner could overtake what was written.
	select {
	case <-connection.CloseChan():
	case <-time.After(streamTimeout):
	}
}

func statusOf(code int) map[string]any {
	if code == 0 {
		return map[string]any{"metadata": map[string]any{}, "status": "Success"}
	}
	message := fmt.Sprintf("command terminated with non-zero exit code: exit status %d", code)
	cause := map[string]any{"reason": "ExitCode", "message": strconv.Itoa(code)}
	return map[string]any{
		"metadata": map[string]any{}, "status": "Failure", "reason": "NonZeroExitCode",
		"message": message, "details": map[string]any{"causes": []any{cause}},
	}
}

// servePortForward answers an HTTP request that comes in at any port.
func servePortForward(response http.ResponseWriter, request *http.Request) {
	connection, streams := upgrade(response, request, portForwardProtocol)
	if connection == nil {
		return
	}
	defer connection.Close()
	for {
		select {
		case stream := <-streams:
			go answer(stream)
		case <-connection.CloseChan():
			return
		}
	}
}

func answer(stream httpstream.Stream) {
	defer stream.Close()
	if stream.Headers().Get("streamType") != "data" {
		return // The stream for errors: there are none.
	}
	request, err := http.ReadRequest(bufio.NewReader(stream))
	if err != nil {
		return
	}
	body := fmt.Sprintf("%s %s at port %s", request.Method, request.URL, stream.Headers().Get("port"))
	answer := http.Response{
		StatusCode: http.StatusOK, ProtoMajor: 1, ProtoMinor: 1, Close: true,
		ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body)),
	}
	answer.Write(stream)
}
