# SPDX-License-Identifier: Apache-2.0
"""A cluster that runs Weave Net 2.8.1 is moved by kubectl apply of our one file, node by node, with
both kinds in one mesh meanwhile; a node goes back, and forward again. Skipped where there is no
Weave (see real_weave.py)."""
import json
import re
import tempfile
import threading

import real_weave
from flows import Flows
from harness import (READY_SECONDS, SPACE, SYSTEM, WEB_PORT, all_ready, all_web_pods, api, check,
                     cluster, fetch, fresh_nodes, kubectl, main, netns, start_web, status, until,
                     wait_for, weave_pods, web_pods, weft)

WEAVE_READY_SECONDS = 120
UNIVERSE = 1 << 20  # addresses in 10.32.0.0/12
CONF = "/etc/cni/net.d/10-weave.conflist"
DATABASE = "/var/lib/weave/weave-netdata.db"
LEFT = re.compile("weave", re.IGNORECASE)
was = {}  # before the move: names of peers, pods


def kind(node):
    """What serves a node now; a standby of Weft's waits there in any case."""
    try:
        version = re.search(r"Version: (\d+)\.", status(node))
    except OSError:
        return None
    if not version:
        return None
    return "weave" if int(version[1]) >= 1 else "weft"


def peer_name(node):
    return re.search(r"Name: ([0-9a-f:]+)\(", status(node))[1]


def shares(node):
    return [int(count) for count in re.findall(r"(\d+) IPs", status(node, "ipam"))]


def test_weave():
    fresh_nodes()
    with tempfile.TemporaryDirectory() as folder:
        archive = real_weave.image(folder)
        for node in cluster().nodes():
            node.import_image(archive)
    cluster().import_image(weft.image(cluster()))
    real_weave.apply()
    if not wait_for("Weave 2.8.1 runs on all nodes", WEAVE_READY_SECONDS, lambda: all_ready() and
                    all(kind(node) == "weave" for node in cluster().nodes())):
        raise AssertionError("there is nothing to move away from")
    # Pods that have been ready for less than minReadySeconds would all be replaced at once.
    kubectl("rollout", "status", "ds/weave-net", "-n", SYSTEM, "--timeout=60s")
    start_web()
    was["pods"] = {node: (pod.name, pod.address, pod.uid) for node, pod in all_web_pods().items()}
    was["peers"] = {node.name: peer_name(node) for node in cluster().nodes()}
    wait_for("pods of all nodes reach each other by Weave", 60, lambda: reach(all_web_pods()))
    one = cluster().nodes()[0]
    check("Weave's chains and ipsets are there", "WEAVE-NPC" in one.sh("iptables-save") and
          "weave-" in one.sh("ipset", "list", "-name"))


def reach(pods):
    return all(fetch(a.netns(), b.address, WEB_PORT, timeout=3).split()[2] == b.node
               for a in pods.values() for b in pods.values())


class Watch:
    """While the rollout lasts: which pairs of a moved and an unmoved node have reached each other,
    in both directions, and in which order the nodes were moved."""

    def __init__(self):
        self.pods = all_web_pods()
        self.crossed = set()
        self.order = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *unused):
        self._stop.set()
        self._thread.join(60)

    def _run(self):
        while not self._stop.wait(0.3):
            kinds = {node.name: kind(node) for node in cluster().nodes()}
            self.order += [name for name, now in kinds.items()
                           if now == "weft" and name not in self.order]
            for a, b in ((a, b) for a in kinds for b in kinds):
                if kinds[a] and kinds[b] and kinds[a] != kinds[b]:
                    self._try(a, b, (kinds[a], kinds[b]))

    def _try(self, a, b, way):
        source, target = self.pods[a], self.pods[b]
        try:
            if fetch(source.netns(), target.address, WEB_PORT, timeout=2).split()[2] == b:
                self.crossed.add(way)
        except (OSError, netns.LabError):
            pass  # one of them is on its way


def test_move():
    with Flows(list(all_web_pods().values())) as flows, Watch() as watch:
        check("traffic flows between the pods of all nodes", flows.all_move())
        weft.apply(cluster())
        kubectl("rollout", "status", "ds/weave-net", "-n", SYSTEM, "--timeout=400s")
        wait_for("kubectl apply moves all nodes to Weft", READY_SECONDS, lambda: all_ready() and
                 all(kind(node) == "weft" for node in cluster().nodes()))
        flows.check("the move from Weave to Weft")
    for way in (("weft", "weave"), ("weave", "weft")):
        check(f"meanwhile pods on nodes of {way[0].title()}'s reached pods on {way[1].title()}'s",
              way in watch.crossed, f"moved in the order {', '.join(watch.order)}")


def test_taken_over():
    now = {node: (pod.name, pod.address, pod.uid) for node, pod in all_web_pods().items()}
    check("the pods are the same, with the same addresses", now == was["pods"],
          ", ".join(address for _, address, _ in now.values()))
    wait_for("pods of all nodes reach each other by Weft", 60, lambda: reach(all_web_pods()))
    for node in cluster().nodes():
        check(f"{node.name}: has its old name in the mesh", peer_name(node) ==
              was["peers"][node.name], was["peers"][node.name])
        wait_for(f"{node.name}: the whole range is shared out", 60,
                 lambda node=node: sum(shares(node)) == UNIVERSE)
        checked = inside(node, "ipam", "check")
        check(f"{node.name}: weave ipam check", "all is well" in checked, checked.strip())
        rules = node.sh("iptables-save") + node.sh("iptables-legacy-save") + node.sh(
            "ipset", "list", "-name")
        check(f"{node.name}: none of Weave's chains, rules and ipsets is left",
              not LEFT.search(rules), "; ".join(filter(LEFT.search, rules.splitlines())))
        conf = json.loads(node.sh("cat", CONF))
        check(f"{node.name}: the CNI configuration is ours", conf["cniVersion"] == "1.0.0")


def inside(node, *words):
    return kubectl("exec", "-n", SYSTEM, weave_pods()[node.name], "--", "/home/weave/weave", *words)


def test_new_pods():
    kubectl("rollout", "restart", "ds/web", "-n", SPACE)
    kubectl("rollout", "status", "ds/web", "-n", SPACE, "--timeout=120s")
    good, error = until(60, lambda: reach(all_web_pods()))
    check("new pods take the place of Weave's and reach each other", good, error or "")


def test_back():
    """One node goes back, as docs/migrating-from-weave.md has it."""
    node, other = cluster().nodes()[:2]
    kubectl("delete", "ds", "web", "-n", SPACE)
    wait_for("no pod holds an address of the node that goes back", 60, lambda: not web_pods())
    kubectl("delete", "daemonset", "weave-net-standby", "-n", SYSTEM)
    real_weave.apply(beside_weft=True)
    kubectl("drain", node.name, "--ignore-daemonsets", "--force", "--delete-emptydir-data")
    node.sh("mv", DATABASE, f"{DATABASE}.old")
    kubectl("delete", "pod", "-n", SYSTEM, weave_pods()[node.name], "--wait=false")
    wait_for(f"{node.name}: weave-kube ends", 60, lambda: not node.processes("weave-kube"))
    node.sh("rm", "-f", CONF)
    wait_for(f"{node.name}: Weave serves it again", WEAVE_READY_SECONDS,
             lambda: kind(node) == "weave" and all_ready())
    kubectl("uncordon", node.name)
    conf = json.loads(node.sh("cat", CONF))
    check(f"{node.name}: the CNI configuration is Weave's", conf["cniVersion"] != "1.0.0")
    check(f"{node.name}: has its old name still", peer_name(node) == was["peers"][node.name])
    start_web()
    wait_for("pods reach each other, one node being Weave's again", 60,
             lambda: reach(all_web_pods()))
    wait_for(f"{other.name}: the whole range is shared out", 60,
             lambda: sum(shares(other)) == UNIVERSE)
    check("no address is held twice", len({pod.address for pod in all_web_pods().values()}) ==
          len(cluster().nodes()))


def test_forward_again():
    weft.apply(cluster())
    kubectl("rollout", "status", "ds/weave-net", "-n", SYSTEM, "--timeout=400s")
    wait_for("kubectl apply moves the node that went back once more", READY_SECONDS, lambda:
             all_ready() and all(kind(node) == "weft" for node in cluster().nodes()))
    wait_for("pods of all nodes reach each other by Weft again", 60, lambda: reach(all_web_pods()))
    for node in cluster().nodes():
        wait_for(f"{node.name}: weave ipam check", 60,
                 lambda node=node: "all is well" in inside(node, "ipam", "check"))


def test_encrypt():
    """As docs/migrating-from-weave.md has it: once no Weave is left."""
    told = [event for event in api().items("/api/v1/events") if event["reason"] == "NotEncrypted"]
    check("an Event NotEncrypted has told that Weave's mesh had no password", told)
    kubectl("-n", SYSTEM, "patch", "secret", "weave-passwd", "-p",
            '{"stringData": {"weave-passwd": "correct horse battery staple"}}')
    kubectl("-n", SYSTEM, "rollout", "restart", "daemonset", "weave-net")
    kubectl("-n", SYSTEM, "rollout", "status", "daemonset", "weave-net", "--timeout=300s")
    for node in cluster().nodes():
        wait_for(f"{node.name}: all others are connected, encrypted", 60,
                 lambda node=node: len(re.findall("established +encrypted", status(
                     node, "connections"))) == len(cluster().nodes()) - 1)
    wait_for("pods of all nodes reach each other, encrypted", 60, lambda: reach(all_web_pods()))


if __name__ == "__main__":
    if why := real_weave.missing():
        print(f"SKIP: {why}")
    else:
        main(test_weave, test_move, test_taken_over, test_new_pods, test_back, test_forward_again,
             test_encrypt)
