"""Follows objects with Python's kubernetes client through one address, and compares in the end what it
holds with a list behind another. Modes: `watch` (watch.Watch alone, which resumes by itself),
`list-watch` (a list, then watches of ten seconds from where the last one ended), `informer`
(kubernetes.informer).

Speaks in lines: READY on stdout, CHECK on stdin, then one line of JSON on stdout.
"""

import argparse
import json
import os
import sys
import threading
import time
from urllib.parse import parse_qs, urlsplit

from kubernetes import client, config, watch
from kubernetes.client.exceptions import ApiException
from kubernetes.informer import SharedInformer

WATCH_SECONDS = 10
ERROR_PAUSE_SECONDS = 1
COMPARE_PAUSE_SECONDS = 0.3
MAX_NOTES = 5


class Counts:
    """What one follower asked for. A watch without a revision shows everything, like a list."""

    def __init__(self):
        self.lists = 0
        self.watches = 0
        self.events = 0
        self.errors = 0
        # Answers 429: come again, which costs nothing but time.
        self.refusals = 0
        self.notes = []

    def note(self, error):
        if getattr(error, "status", None) == 429:
            self.refusals += 1
            return
        self.errors += 1
        if len(self.notes) < MAX_NOTES:
            self.notes.append(f"{type(error).__name__}: {error}"[:300])

    def count(self, api):
        """Counts every request that goes out through an API object."""
        pool = api.api_client.rest_client.pool_manager
        send = pool.request

        def counted(method, url, **options):
            fields = dict(options.get("fields") or {})
            query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()} | fields
            if str(query.get("watch", "")).lower() != "true":
                self.lists += 1
            elif query.get("resourceVersion"):
                self.watches += 1
            else:
                self.lists += 1
            return send(method, url, **options)

        pool.request = counted


def subjects(kubeconfig):
    """The API calls to follow, each with an API object, and thus connections, of its own."""

    def core():
        return client.CoreV1Api(config.new_client_from_config(kubeconfig))

    def leases():
        return client.CoordinationV1Api(config.new_client_from_config(kubeconfig))

    def custom():
        return client.CustomObjectsApi(config.new_client_from_config(kubeconfig))

    widgets = {"group": "demo.watershed.dev", "version": "v1", "plural": "widgets"}
    return [
        ("configmaps", core, lambda api: api.list_config_map_for_all_namespaces, {}),
        ("configmaps color=red", core, lambda api: api.list_config_map_for_all_namespaces, {"label_selector": "color=red"}),
        ("pods spec.nodeName=red", core, lambda api: api.list_pod_for_all_namespaces, {"field_selector": "spec.nodeName=red"}),
        ("leases of one namespace", leases, lambda api: api.list_namespaced_lease, {"namespace": "informers-0"}),
        ("widgets", custom, lambda api: api.list_cluster_custom_object, widgets),
    ]


class Follower:
    def __init__(self, name, make_api, call_of, arguments, mode):
        self.name = name
        self.call_of = call_of
        self.arguments = arguments
        self.mode = mode
        self.counts = Counts()
        self.store = {}
        self.api = make_api()
        self.counts.count(self.api)
        self.call = call_of(self.api)
        # Converts what the informer holds.
        self.converter = client.ApiClient()
        self.informer = None

    def start(self):
        if self.mode == "informer":
            arguments = dict(self.arguments)
            self.informer = SharedInformer(self.call, namespace=arguments.pop("namespace", None), **arguments)
            for kind in ("ADDED", "MODIFIED", "DELETED"):
                self.informer.add_event_handler(kind, self.count_event)
            self.informer.add_event_handler("ERROR", self.counts.note)
            self.informer.start()
            return
        follow = self.watch_alone if self.mode == "watch" else self.list_and_watch
        threading.Thread(target=follow, daemon=True).start()

    def count_event(self, _):
        self.counts.events += 1

    def watch_alone(self):
        while True:
            self.store.clear()
            try:
                for event in watch.Watch().stream(self.call, **self.arguments):
                    self.take(event)
            except Exception as error:  # pylint: disable=broad-except
                self.counts.note(error)
                time.sleep(ERROR_PAUSE_SECONDS)

    def list_and_watch(self):
        revision = None
        while True:
            try:
                if revision is None:
                    revision = self.list_all()
                watching = watch.Watch()
                options = dict(resource_version=revision, timeout_seconds=WATCH_SECONDS, allow_watch_bookmarks=True)
                for event in watching.stream(self.call, **options, **self.arguments):
                    self.take(event)
                    revision = event["raw_object"]["metadata"]["resourceVersion"]
            except ApiException as error:
                self.counts.note(error)
                if error.status == 410:
                    revision = None
                else:
                    time.sleep(ERROR_PAUSE_SECONDS)
            except Exception as error:  # pylint: disable=broad-except
                self.counts.note(error)
                time.sleep(ERROR_PAUSE_SECONDS)

    def list_all(self):
        content = raw_list(self.call, self.arguments)
        self.store = states_of(content["items"])
        return content["metadata"]["resourceVersion"]

    def take(self, event):
        if event["type"] == "BOOKMARK":
            return
        self.counts.events += 1
        item = event["raw_object"]
        if event["type"] == "DELETED":
            self.store.pop(key_of(item), None)
        else:
            self.store[key_of(item)] = item

    def states(self):
        if self.informer is None:
            return dict(self.store)
        return states_of(self.converter.sanitize_for_serialization(item) for item in self.informer.cache.list())

    def truth(self, direct):
        listed = raw_list(self.call_of(direct), self.arguments)["items"]
        if self.informer is None:
            return states_of(listed)
        # Both sides through the same model: a model leaves out what is null.
        kind = self.informer.cache.list()[0].__class__ if self.informer.cache.list() else None
        if kind is None:
            return states_of(listed)
        return states_of(
            self.converter.sanitize_for_serialization(self.converter.deserialize(as_response(item), kind))
            for item in listed
        )

    def started(self):
        return self.counts.lists > 0 and (self.counts.watches > 0 or self.mode == "watch")


def as_response(item):
    return type("Response", (), {"data": json.dumps(item)})()


def raw_list(call, arguments):
    response = call(_preload_content=False, **arguments)
    return json.loads(response.data)


def key_of(item):
    metadata = item["metadata"]
    return f"{metadata.get('namespace', '')}/{metadata['name']}"


def states_of(items):
    return {key_of(item): item for item in items}


def without_kind(item):
    """Items of a list of built-ins do not name their kind, events do."""
    return {name: value for name, value in item.items() if name not in ("kind", "apiVersion")}


def difference(follower, direct):
    """The first difference, or nothing."""
    held, truth = follower.states(), follower.truth(direct)
    for key in sorted(held.keys() | truth.keys()):
        if key not in held:
            return f"{key} is missing"
        if key not in truth:
            return f"{key} should not be there"
        if without_kind(held[key]) != without_kind(truth[key]):
            versions = [states[key]["metadata"]["resourceVersion"] for states in (held, truth)]
            return f"{key} differs: at {versions[0]}, should be at {versions[1]}"
    return ""


def wait_for_equality(follower, make_direct, deadline):
    while True:
        found = difference(follower, make_direct())
        if found == "" or time.monotonic() > deadline:
            return found
        time.sleep(COMPARE_PAUSE_SECONDS)


def follow_parent():
    """Ends with the process that started it."""
    parent = int(os.environ.get("WATERSHED_PARENT_PID", "0"))
    while parent and os.getppid() == parent:
        time.sleep(0.5)
    if parent:
        os._exit(1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kubeconfig", required=True)
    parser.add_argument("--direct-kubeconfig", required=True)
    parser.add_argument("--mode", choices=("watch", "list-watch", "informer"), required=True)
    parser.add_argument("--timeout", type=float, default=120)
    options = parser.parse_args()
    threading.Thread(target=follow_parent, daemon=True).start()

    direct = {name: make for name, make, _, _ in subjects(options.direct_kubeconfig)}
    followers = [
        Follower(*subject, options.mode)
        for subject in subjects(options.kubeconfig)
        # kubernetes.informer takes models, not the dicts of CustomObjectsApi.
        if not (options.mode == "informer" and subject[0] == "widgets")
    ]
    for follower in followers:
        follower.start()
    deadline = time.monotonic() + options.timeout
    while not all(follower.started() for follower in followers):
        if time.monotonic() > deadline:
            sys.exit(f"not started: {[follower.counts.notes for follower in followers]}")
        time.sleep(0.1)
    print("READY", flush=True)
    for line in sys.stdin:
        if line.strip() == "CHECK":
            break

    deadline = time.monotonic() + options.timeout
    mismatches = []
    for follower in followers:
        found = wait_for_equality(follower, direct[follower.name], deadline)
        if found:
            mismatches.append(f"{follower.name}: {found}")
    verdict = {
        "events": sum(follower.counts.events for follower in followers),
        "relists": sum(max(0, follower.counts.lists - 1) for follower in followers),
        "errors": sum(follower.counts.errors for follower in followers),
        "refusals": sum(follower.counts.refusals for follower in followers),
        "equal": not mismatches,
        "mismatches": mismatches,
        "notes": [f"{follower.name}: {note}" for follower in followers for note in follower.counts.notes],
    }
    print(json.dumps(verdict), flush=True)


main()
