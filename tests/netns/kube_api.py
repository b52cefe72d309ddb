# SPDX-License-Identifier: Apache-2.0
"""A Kubernetes API server as far as weave-kube needs one, that misbehaves when told to: objects in
memory with resource versions, lists in pages, watches with bookmarks, compare-and-swap, tokens, the
rights of the manifest, TLS. A real one will not answer 410, hang or break off on demand."""
import collections
import contextlib
import http.server
import itertools
import json
import re
import socket
import socketserver
import ssl
import threading
import time
import urllib.parse

from kube_rbac import Rights

KINDS = {
    "nodes": ("v1", "Node"), "configmaps": ("v1", "ConfigMap"), "secrets": ("v1", "Secret"),
    "events": ("v1", "Event"), "leases": ("coordination.k8s.io/v1", "Lease"),
    "networkpolicies": ("networking.k8s.io/v1", "NetworkPolicy"),
}
PATH = re.compile(r"/(?:api/v1|apis/(?P<group>[a-z0-9.]+)/v1)(?:/namespaces/(?P<ns>[^/]+))?"
                  r"/(?P<kind>[a-z]+)"
                  r"(?:/(?P<name>[^/]+))?(?P<status>/status)?")
BOOKMARK_SECONDS = 1.0
SILENT_SECONDS = 300  # longer than anybody waits


class Store:
    """Objects by kind, namespace and name, and what happened to them, for watches."""

    def __init__(self):
        self.lock = threading.Condition()
        self.objects = {kind: {} for kind in KINDS}
        self.changes = []  # (version, kind, type, object)
        self._versions = itertools.count(100)
        self._uids = itertools.count(1)
        self.version = next(self._versions)

    def put(self, kind, obj, change=None):
        """Stores an object with a new version; whoever watches hears of it."""
        with self.lock:
            meta = obj["metadata"]
            key = (meta.get("namespace", ""), meta["name"])
            known = key in self.objects[kind]
            self.version = next(self._versions)
            meta["resourceVersion"] = str(self.version)
            meta.setdefault("uid", f"uid-{next(self._uids)}")
            obj["apiVersion"], obj["kind"] = KINDS[kind]
            self.objects[kind][key] = obj
            self._tell(kind, change or ("MODIFIED" if known else "ADDED"), obj)
            return obj

    def delete(self, kind, name, namespace=""):
        with self.lock:
            obj = self.objects[kind].pop((namespace, name))
            self.version = next(self._versions)
            obj["metadata"]["resourceVersion"] = str(self.version)
            self._tell(kind, "DELETED", obj)

    def get(self, kind, name, namespace=""):
        with self.lock:
            return self.objects[kind].get((namespace, name))

    def all(self, kind):
        with self.lock:
            return [obj for _, obj in sorted(self.objects[kind].items())]

    def _tell(self, kind, change, obj):
        self.changes.append((self.version, kind, change, json.dumps(obj)))
        self.lock.notify_all()


class ApiServer:
    """Serves a Store. `listen(socket)` may be called again after `stop()`, as after a restart."""

    def __init__(self):
        self.store = Store()
        self.tokens = None   # those that are let in; None: everybody
        self.rights = Rights()
        self.certificate = None  # (certificate file, key file): TLS
        self.requests = collections.Counter()  # "VERB kind"
        self.faults = []     # [pattern of the request, what, how often]
        self._servers = []
        self._lock = threading.Lock()
        self.generation = 0  # watches of an older one end at once

    def listen(self, listener):
        server = _Server(self, listener)
        self._servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        """As if the machine were gone: nobody listens, and what was open is closed."""
        for server in self._servers:
            server.shutdown()
            server.server_close()
            server.close_all()
        self._servers.clear()
        self.drop_watches()

    def drop_connections(self):
        for server in self._servers:
            server.close_all()

    def drop_watches(self):
        with self.store.lock:
            self.generation += 1
            self.store.lock.notify_all()

    def fault(self, pattern, what, times=1):
        """The next requests that match, as "VERB path?query from ADDRESS", are answered so: a
        status, (status, headers), "hang", "half" (breaks off in the middle of the body), "gone" (a
        watch that says 410), "silent" (a watch that is accepted and says nothing)."""
        with self._lock:
            self.faults.append([re.compile(pattern), what, times])

    def take_fault(self, request):
        with self._lock:
            for fault in self.faults:
                if fault[2] > 0 and fault[0].search(request):
                    fault[2] -= 1
                    return fault[1]
        return None

    def add_node(self, name, address):
        self.store.put("nodes", {"metadata": {"name": name}, "status": {
            "addresses": [{"type": "InternalIP", "address": address},
                          {"type": "Hostname", "address": name}], "conditions": []}})

    def condition(self, node, kind="NetworkUnavailable"):
        obj = self.store.get("nodes", node)
        found = [c for c in obj["status"]["conditions"] if c["type"] == kind] if obj else []
        return found[0] if found else {}

    def reasons(self, node):
        """Reasons of the Events about a node."""
        return {event["reason"] for event in self.store.all("events")
                if event["involvedObject"]["name"] == node}


class _Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, api, listener):
        super().__init__(listener.getsockname(), _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self.api = api
        self._open = set()

    def finish_request(self, request, client_address):
        connection = request
        with contextlib.suppress(OSError):  # the client went away, or did not believe us
            if self.api.certificate:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(*self.api.certificate)
                request.settimeout(10)
                connection = context.wrap_socket(request, server_side=True)
                connection.settimeout(None)
            self._open.add(connection)
            super().finish_request(connection, client_address)
        self._open.discard(connection)
        if connection is not request:
            connection.close()  # wrapping took it away from whoever closes requests

    def close_all(self):
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request, client_address):
        pass


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def _serve(self):
        api = self.server.api
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size)
        fault = api.take_fault(
            f"{self.command} {self.path} from {self.client_address[0]}")
        if fault is not None and self._misbehave(fault, query):
            return
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        if api.tokens is not None and token not in api.tokens:
            return self._refuse(401, "Unauthorized")
        found = PATH.fullmatch(url.path)
        if not found or found["kind"] not in KINDS:
            return self._refuse(404, "NotFound")
        api.requests[f"{self.command} {found['kind']}"] += 1
        watch = query.get("watch") in ("1", "true")
        if not api.rights.allow(self.command, found, watch):
            return self._refuse(403, "Forbidden")
        if watch:
            return self._watch(found["kind"], int(query.get("resourceVersion") or 0))
        getattr(self, f"_{self.command.lower()}")(found, query, body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def _misbehave(self, fault, query):
        """Whether the request was dealt with so."""
        if isinstance(fault, int):
            self._refuse(fault, {410: "Expired", 409: "Conflict"}.get(fault, "Scripted"))
        elif isinstance(fault, tuple):
            self._refuse(fault[0], "Scripted", fault[1])
        elif fault == "hang":
            time.sleep(60)
        elif fault == "half":
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "5000")
            self.end_headers()
            self.wfile.write(b'{"kind":"NodeList","items":[{"metadata":{"na')
        elif fault == "silent":
            self._begin_stream()
            time.sleep(SILENT_SECONDS)
        elif fault == "gone":
            self._begin_stream()
            self._chunk({"type": "ERROR", "object": _status(410, "Expired")})
            self._chunk(None)
        self.close_connection = True
        return True

    def _refuse(self, code, reason, headers=()):
        self._answer(code, _status(code, reason), dict(headers))

    def _answer(self, code, obj, headers=()):
        text = json.dumps(obj).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        for name, value in dict(headers).items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(text)

    def _get(self, found, query, body):
        store = self.server.api.store
        kind = found["kind"]
        if found["name"]:
            obj = store.get(kind, found["name"], found["ns"] or "")
            return self._answer(200, obj) if obj else self._refuse(404, "NotFound")
        objects = store.all(kind)
        begin = int(query.get("continue") or 0)
        limit = min(int(query.get("limit") or 500), 3)  # small pages, so that there are several
        page, more = objects[begin:begin + limit], len(objects) > begin + limit
        version, name = KINDS[kind]
        self._answer(200, {
            "apiVersion": version, "kind": f"{name}List", "items": page,
            "metadata": {"resourceVersion": str(store.version),
                         "continue": str(begin + limit) if more else ""}})

    def _post(self, found, query, body):
        store = self.server.api.store
        obj = json.loads(body)
        meta = obj["metadata"]
        if found["ns"]:
            meta["namespace"] = found["ns"]
        with store.lock:
            if store.get(found["kind"], meta["name"], meta.get("namespace", "")):
                return self._refuse(409, "AlreadyExists")
            self._answer(201, store.put(found["kind"], obj))

    def _put(self, found, query, body):
        store = self.server.api.store
        obj = json.loads(body)
        with store.lock:
            known = store.get(found["kind"], found["name"], found["ns"] or "")
            if not known:
                return self._refuse(404, "NotFound")
            if obj["metadata"].get("resourceVersion") != known["metadata"]["resourceVersion"]:
                return self._refuse(409, "Conflict")
            self._answer(200, store.put(found["kind"], obj))

    def _patch(self, found, query, body):
        store = self.server.api.store
        with store.lock:
            known = store.get(found["kind"], found["name"], found["ns"] or "")
            if not known:
                return self._refuse(404, "NotFound")
            obj = json.loads(json.dumps(known))
            _merge(obj, json.loads(body))
            self._answer(200, store.put(found["kind"], obj))

    def _begin_stream(self):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _chunk(self, event):
        text = json.dumps(event).encode() + b"\n" if event is not None else b""
        self.wfile.write(b"%x\r\n%s\r\n" % (len(text), text))
        self.wfile.flush()

    def _watch(self, kind, since):
        api, store = self.server.api, self.server.api.store
        generation = api.generation
        self._begin_stream()
        self.close_connection = True
        while True:
            with store.lock:
                store.lock.wait_for(lambda: api.generation != generation or any(
                    c[0] > since and c[1] == kind for c in store.changes), BOOKMARK_SECONDS)
                if api.generation != generation:
                    return
                news = [c for c in store.changes if c[0] > since and c[1] == kind]
                since = store.version
            for _, _, change, text in news:
                self._chunk({"type": change, "object": json.loads(text)})
            if not news:
                self._chunk({"type": "BOOKMARK", "object": {
                    "kind": KINDS[kind][1], "metadata": {"resourceVersion": str(since)}}})


def _status(code, reason):
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code,
            "reason": reason, "message": f"scripted {reason}"}


def _merge(into, patch):
    """A strategic merge as far as it is used: objects by member, conditions by their type."""
    for name, value in patch.items():
        if name == "conditions":
            types = {c["type"] for c in value}
            into[name] = [c for c in into.get(name, []) if c["type"] not in types] + value
        elif isinstance(value, dict):
            _merge(into.setdefault(name, {}), value)
        else:
            into[name] = value
