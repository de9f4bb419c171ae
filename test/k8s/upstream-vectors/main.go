// Upstream vectors: what kube-apiserver's own code says about the inputs in a file.
//
// Reads a JSON array of {kind, input, ...} on stdin and writes them one per line with `want` filled
// in by the functions the apiserver itself calls (apimachinery, apiserver, go-restful; versions in
// go.mod). test/k8s/upstream-vectors/generate.ts makes the inputs; the answers are committed, so the
// tests need no Go.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/emicklei/go-restful/v3"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metascheme "k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/internalversion/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/handlers"
	"k8s.io/apiserver/pkg/endpoints/handlers/negotiation"
	"k8s.io/apiserver/pkg/endpoints/handlers/responsewriters"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/storage"
)

type vector struct {
	Kind   string   `json:"kind"`
	Input  string   `json:"input"`
	Labels []string `json:"labels,omitempty"`
	Agent  string   `json:"agent,omitempty"`
	Custom bool     `json:"custom,omitempty"`
	Want   any      `json:"want"`
}

type object = map[string]any

func main() {
	var vectors []vector
	if err := json.NewDecoder(os.Stdin).Decode(&vectors); err != nil {
		panic(err)
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetEscapeHTML(false)
	for i := range vectors {
		vectors[i].Want = answer(&vectors[i])
		if err := encoder.Encode(&vectors[i]); err != nil {
			panic(err)
		}
	}
}

func answer(v *vector) any {
	switch v.Kind {
	case "labels":
		return labelAnswer(v)
	case "fields":
		return fieldAnswer(v.Input)
	case "list":
		return listAnswer(v.Input)
	case "path":
		return pathAnswer(v.Input)
	case "accept":
		return acceptAnswer(v)
	case "continue":
		key, rv, err := storage.DecodeContinue(v.Input, "/")
		if err != nil {
			return nil
		}
		return object{"start": strings.TrimPrefix(key, "/"), "revision": rv}
	case "encode-continue":
		token, err := storage.EncodeContinue("/p"+v.Input, "/p", 123)
		if err != nil {
			panic(err)
		}
		return token
	case "json":
		out, err := json.Marshal(v.Input)
		if err != nil {
			panic(err)
		}
		return string(out)
	case "quote":
		return strconv.Quote(v.Input)
	case "status":
		return statusAnswer(v.Input)
	}
	panic(v.Kind)
}

// null when refused, else which of the label sets (JSON texts) match.
func labelAnswer(v *vector) any {
	selector, err := labels.Parse(v.Input)
	if err != nil {
		return nil
	}
	matches := []bool{}
	for _, text := range v.Labels {
		var set labels.Set
		if err := json.Unmarshal([]byte(text), &set); err != nil {
			panic(err)
		}
		matches = append(matches, selector.Matches(set))
	}
	return matches
}

func fieldAnswer(text string) any {
	selector, err := fields.ParseSelector(text)
	if err != nil {
		return nil
	}
	terms := [][]string{}
	for _, r := range selector.Requirements() {
		terms = append(terms, []string{r.Field, string(r.Operator), r.Value})
	}
	return terms
}

// What listOpts in handlers/get.go does up to the conversion of field labels.
func listAnswer(query string) any {
	opts := metainternalversion.ListOptions{}
	values := (&url.URL{RawQuery: query}).Query()
	if err := metascheme.ParameterCodec.DecodeParameters(values, metav1.SchemeGroupVersion, &opts); err != nil {
		return nil
	}
	metainternalversion.SetListOptionsDefaults(&opts, true)
	if len(metavalidation.ValidateListOptions(&opts, true)) > 0 {
		return nil
	}
	want := object{
		"watch": opts.Watch, "resourceVersion": opts.ResourceVersion, "match": opts.ResourceVersionMatch,
		"limit": opts.Limit, "continue": opts.Continue, "allowWatchBookmarks": opts.AllowWatchBookmarks,
		"labels": "", "fields": "", "sendInitialEvents": opts.SendInitialEvents, "timeoutSeconds": opts.TimeoutSeconds,
		"unknown": false,
	}
	if opts.LabelSelector != nil {
		want["labels"] = opts.LabelSelector.String()
	}
	if opts.FieldSelector != nil {
		want["fields"] = opts.FieldSelector.String()
	}
	return want
}

// The attributes of a GET; a string when the target does not parse as a URL.
func pathAnswer(target string) any {
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return "unparsable"
	}
	factory := request.RequestInfoFactory{
		APIPrefixes: sets.NewString("api", "apis"), GrouplessAPIPrefixes: sets.NewString("api"),
	}
	info, err := factory.NewRequestInfo(&http.Request{Method: "GET", URL: u})
	if err != nil {
		return "error"
	}
	return object{
		"resource": info.IsResourceRequest, "verb": info.Verb, "group": info.APIGroup, "version": info.APIVersion,
		"plural": info.Resource, "namespace": info.Namespace, "name": info.Name, "subresource": info.Subresource,
		"path": info.Path, "query": u.RawQuery,
	}
}

// "json", "pretty", another form's name, or "406".
func acceptAnswer(v *vector) any {
	req := httptest.NewRequest("GET", "/x", nil)
	if v.Input != "" {
		req.Header.Set("Accept", v.Input)
	}
	req.Header.Set("User-Agent", v.Agent)
	if !v.Custom && !restfulAccepts(req) {
		return "406"
	}
	codecs := serializer.NewCodecFactory(runtime.NewScheme())
	scope := &handlers.RequestScope{MetaGroupVersion: metav1.SchemeGroupVersion, Serializer: codecs}
	if v.Custom {
		for _, info := range codecs.SupportedMediaTypes() {
			if info.MediaType != runtime.ContentTypeProtobuf {
				scope.StandardSerializers = append(scope.StandardSerializers, info)
			}
		}
	}
	options, info, err := negotiation.NegotiateOutputMediaType(req, codecs, scope)
	if err != nil {
		return "406"
	}
	if options.Convert != nil {
		return info.MediaType + ";as=" + options.Convert.Kind
	}
	if info.PrettySerializer != nil && info.Serializer == info.PrettySerializer {
		return "pretty"
	}
	if info.MediaType == "application/json" {
		return "json"
	}
	return info.MediaType
}

func restfulAccepts(req *http.Request) bool {
	service := new(restful.WebService).Path("/x").Produces(
		"application/json", "application/yaml", "application/vnd.kubernetes.protobuf",
		"application/json;stream=watch", "application/vnd.kubernetes.protobuf;stream=watch")
	service.Route(service.GET("").To(func(_ *restful.Request, response *restful.Response) {
		response.ResponseWriter.WriteHeader(204)
	}))
	container := restful.NewContainer()
	container.Add(service)
	recorder := httptest.NewRecorder()
	container.ServeHTTP(recorder, req)
	return recorder.Code == 204
}

// The input names a constructor; the body is written as the apiserver writes a Status.
func statusAnswer(name string) any {
	pods := schema.GroupResource{Resource: "pods"}
	deployments := schema.GroupResource{Group: "apps", Resource: "deployments"}
	attributes := authorizer.AttributesRecord{
		User: &user.DefaultInfo{Name: `o'<b>&"é` + "\u200b"}, Verb: "list", Resource: "pods", APIVersion: "v1", ResourceRequest: true,
	}
	named := attributes
	named.APIGroup, named.Resource, named.Namespace, named.Name = "apps", "deployments", "a", "x"
	var err *apierrors.StatusError
	switch name {
	case "expired":
		err = apierrors.NewResourceExpired("too old resource version: 1 (5)")
	case "notFound pods x":
		err = apierrors.NewNotFound(pods, "x")
	case "notFound deployments.apps x":
		err = apierrors.NewNotFound(deployments, "x")
	case "tooLarge":
		err = storage.NewTooLargeResourceVersionError(1000, 900, 1).(*apierrors.StatusError)
	case "timeout":
		err = apierrors.NewTimeoutError("slow <&>", 0)
	case "tooManyRequests":
		err = apierrors.NewTooManyRequests("storage is (re)initializing", 7)
	case "serviceUnavailable":
		err = apierrors.NewServiceUnavailable("gone")
	case "internalError":
		err = apierrors.NewInternalError(fmt.Errorf("it \"broke\"\n\u2028"))
	case "badRequest":
		err = apierrors.NewBadRequest("no <such> & thing")
	case "unauthorized":
		err = apierrors.NewUnauthorized("Unauthorized")
	case "requestEntityTooLarge":
		err = apierrors.NewRequestEntityTooLargeError("limit is 3145728")
	case "forbidden":
		err = responsewriters.ForbiddenStatusError(attributes, "")
	case "forbidden named":
		err = responsewriters.ForbiddenStatusError(named, "no <reason>")
	default:
		panic(name)
	}
	status := err.Status()
	status.Kind, status.APIVersion = "Status", "v1"
	body := &bytes.Buffer{}
	if err := json.NewEncoder(body).Encode(&status); err != nil {
		panic(err)
	}
	return object{"code": status.Code, "body": body.String()}
}
