# SPDX-License-Identifier: Apache-2.0
"""What the cluster tests share: the cluster that is up with Weft installed, checks that print PASS
and FAIL, and web servers in pods on all nodes."""
import contextlib
import http.client
import json
import os
import subprocess
import sys
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, f"{ROOT}/scripts")

from kubelab import api as api_of  # noqa: E402  (the path comes first)
from kubelab import cluster as cluster_of  # noqa: E402
from kubelab import images, weft  # noqa: E402
from netlab import netns  # noqa: E402

SYSTEM = "kube-system"
SPACE = "default"
WEB_PORT = 8080
READY_SECONDS = 60  # from `kubectl apply` to nodes that are Ready
_failures = []


def check(statement, good, detail=""):
    """One checked statement, one line."""
    print(f"{'PASS' if good else 'FAIL'}: {statement}" + (f" ({detail})" if detail else ""))
    if not good:
        _failures.append(statement)
    return good


def wait_for(statement, seconds, condition):
    """Polls until the condition holds; a check of its own that it did in time."""
    start = time.monotonic()
    good, last = until(seconds, condition)
    took = f"after {time.monotonic() - start:.1f} s" if good else f"not within {seconds} s"
    return check(statement, good, took + (f": {last}" if last and not good else ""))


def until(seconds, condition):
    """(did it hold in time, the last error)."""
    end = time.monotonic() + seconds
    last = None
    while True:
        try:
            if condition():
                return True, None
        except (OSError, http.client.HTTPException, api_of.ApiError, netns.LabError) as error:
            last = error
        if time.monotonic() > end:
            return False, last
        time.sleep(0.2)


def cluster():
    """As it is now: commands change it."""
    found = cluster_of.Cluster(cluster_of.Settings())
    found.need_up()
    return found


def api():
    return api_of.Api(cluster().control_plane())


def kubectl(*arguments, stdin=None, check=True):
    return cluster().kubectl(*arguments, stdin=stdin, check=check)


def apply(*objects):
    kubectl("apply", "-f", "-", stdin=json.dumps(
        {"apiVersion": "v1", "kind": "List", "items": list(objects)}))


def ensure_installed():
    """Weft on all nodes and all nodes Ready, whichever test comes first."""
    if not weft.installed(cluster()):
        weft.install(cluster())
    good, error = until(2 * READY_SECONDS, all_ready)
    if not good:
        raise AssertionError(f"the cluster is not ready: {error or api().nodes_ready()}")


def fresh_nodes():
    """Weft out of the cluster, and new nodes in place of those that have had it."""
    weft.uninstall(cluster())
    count = len(cluster().nodes())
    for node in cluster().nodes():
        cluster().remove_node(node.name)
    cluster().add_nodes(count)


def all_ready():
    """Are all nodes that run Ready, and is Weft's pod on each of them?"""
    names = sorted(node.name for node in cluster().nodes() if node.is_on())
    return set(names) <= set(api().nodes_ready()) and set(names) <= set(weave_pods())


def weave_pods(name="weave-net"):
    """Names of a DaemonSet's pods that are ready, by node."""
    return {pod["spec"]["nodeName"]: pod["metadata"]["name"]
            for pod in api().pods(SYSTEM, f"name={name}")
            if api_of.condition(pod, "Ready") == "True" and
            "deletionTimestamp" not in pod["metadata"]}


def status(node, view=""):
    """What /status of a node's weaver says."""
    def ask():
        path = "/status" + (f"/{view}" if view else "")
        with urllib.request.urlopen(f"http://127.0.0.1:6784{path}", timeout=5) as answer:
            return answer.read().decode()
    return netns.inside(node.ns, ask)


# Pods.

SERVE = """\
mkdir -p /www/cgi-bin
cat >/www/cgi-bin/me <<'END'
#!/bin/sh
echo "Content-Type: text/plain"
echo
echo "$REMOTE_ADDR $POD $NODE"
END
chmod 755 /www/cgi-bin/me
exec httpd -f -p 0.0.0.0:8080 -h /www
"""


def _from_field(name, path):
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}


def web_container():
    """A web server whose /cgi-bin/me says who asked whom: "ADDRESS POD NODE"."""
    return {"name": "web", "image": images.TOOLS, "imagePullPolicy": "Never",
            "command": ["/bin/sh", "-c", SERVE],
            "env": [_from_field("POD", "metadata.name"), _from_field("NODE", "spec.nodeName")],
            "ports": [{"containerPort": WEB_PORT}]}


def pod_spec(container, **more):
    return {"terminationGracePeriodSeconds": 0, "automountServiceAccountToken": False,
            "containers": [container], **more}


def start_web():
    """A web server on every node, behind the services `web` (ClusterIP) and `web-node`."""
    labels = {"app": "web"}
    meta = {"name": "web", "namespace": SPACE, "labels": labels}
    apply({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": meta, "spec": {
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod_spec(web_container())}}},
        *(_service(name, kind, labels) for name, kind in (("web", "ClusterIP"),
                                                          ("web-node", "NodePort"))))
    until(90, all_web_pods)
    return all_web_pods()


def _service(name, kind, labels):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": SPACE},
            "spec": {"type": kind, "selector": labels,
                     "ports": [{"port": 80, "targetPort": WEB_PORT}]}}


class Pod:
    """A running pod: its address and its network namespace."""

    def __init__(self, thing):
        self.name = thing["metadata"]["name"]
        self.node = thing["spec"]["nodeName"]
        self.address = thing["status"]["podIP"]
        self.uid = thing["metadata"]["uid"]

    def netns(self):
        return cluster().node(self.node).pod_netns(SPACE, self.name)


def web_pods():
    """By node; those that are ready. Pods of nodes that are no more stay listed for a while."""
    there = {node.name for node in cluster().nodes()}
    return {pod["spec"]["nodeName"]: Pod(pod) for pod in api().pods(SPACE, "app=web")
            if api_of.condition(pod, "Ready") == "True" and
            pod["spec"].get("nodeName") in there and
            "deletionTimestamp" not in pod["metadata"] and "podIP" in pod["status"]}


def all_web_pods():
    """By node; LabError unless there is one on every node that runs."""
    pods = web_pods()
    missing = {node.name for node in cluster().nodes() if node.is_on()} - set(pods)
    if missing:
        raise netns.LabError(f"no web server on {sorted(missing)}")
    return pods


def service(name):
    return api().get(f"/api/v1/namespaces/{SPACE}/services/{name}")["spec"]


def fetch(ns, address, port, path="/cgi-bin/me", timeout=5):
    """What a web server answers to a client in the network namespace."""
    def ask():
        with urllib.request.urlopen(f"http://{address}:{port}{path}", timeout=timeout) as answer:
            return answer.read().decode()
    return netns.inside(ns, ask)


@contextlib.contextmanager
def capture(ns, interface, file):
    """tcpdump in a network namespace for the time of the block."""
    tcpdump = subprocess.Popen(
        netns.command(ns, "tcpdump", "-n", "-i", interface, "-U", "--immediate-mode", "-Z", "root",
                      "-s", "0", "-w", file), stderr=subprocess.PIPE, text=True)
    for line in tcpdump.stderr:
        if "listening on" in line:
            break
    try:
        yield
        time.sleep(0.3)
    finally:
        tcpdump.terminate()
        tcpdump.communicate(timeout=10)


def main(*tests):
    """Runs the tests of one file; the exit code says whether all held."""
    for test in tests:
        try:
            test()
        except Exception as error:  # a test that breaks is a test that fails
            check(f"{test.__name__} runs to its end", False, f"{type(error).__name__}: {error}")
            break  # those after it build on it
    sys.exit(1 if _failures else 0)
